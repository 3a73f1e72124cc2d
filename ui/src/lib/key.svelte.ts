// The key: in memory, or in this browser where that is wished.
const PLACE = "pixlean.key"

function kept(): string {
  try {
    return localStorage.getItem(PLACE) ?? ""
  } catch {
    return ""
  }
}

export class Key {
  text = $state(kept())
  isKept = $state(kept() !== "")

  keep(): void {
    try {
      if (this.isKept && this.text) localStorage.setItem(PLACE, this.text)
      else localStorage.removeItem(PLACE)
    } catch {
      this.isKept = false
    }
  }
}
