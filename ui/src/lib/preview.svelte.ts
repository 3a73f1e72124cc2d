// The server's quick rendering of edits while they change: one request at a time, always for the newest.
import { Fault } from "./ask"
import { type Edits, preview } from "./edits"

const REST_MILLISECONDS = 60

export class Preview {
  url = $state("")
  said = $state("")
  #wanted: Edits | null = null
  #isBusy = false
  #isOver = false

  constructor(
    private readonly file: File,
    private readonly key: () => string,
  ) {}

  show(edits: Edits): void {
    this.#wanted = edits
    if (!this.#isBusy) void this.#work()
  }

  end(): void {
    this.#isOver = true
    if (this.url) URL.revokeObjectURL(this.url)
  }

  async #work(): Promise<void> {
    this.#isBusy = true
    while (this.#wanted && !this.#isOver) {
      const edits = this.#wanted
      this.#wanted = null
      const seconds = await this.#render(edits)
      if (seconds !== null) this.#wanted ??= edits
      await new Promise((resolve) => setTimeout(resolve, seconds === null ? REST_MILLISECONDS : 1000 * seconds))
    }
    this.#isBusy = false
  }

  /** Seconds after which to try again, or null where it is done. */
  async #render(edits: Edits): Promise<number | null> {
    try {
      const blob = await preview(this.file, edits, { key: this.key() })
      if (this.#isOver) return null
      if (this.url) URL.revokeObjectURL(this.url)
      this.url = URL.createObjectURL(blob)
      this.said = ""
      return null
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.said = error.message
      return error.isLater ? (error.retrySeconds ?? 2) : null
    }
  }
}
