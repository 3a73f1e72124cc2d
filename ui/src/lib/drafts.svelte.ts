// Edits in the making: what is shown now, and the way back.
import { type Edits, NO_EDITS } from "./edits"

export class Drafts {
  now = $state.raw<Edits>(NO_EDITS)
  ratio = $state<number | null>(null) // that a crop keeps while it is resized
  past = $state.raw<Edits[]>([])
  future = $state.raw<Edits[]>([])
  #settled: Edits

  constructor(first: Edits) {
    this.now = this.#settled = first
  }

  /** While a slider or a corner moves: shown, but no step of its own. */
  move(change: Partial<Edits>): void {
    this.now = { ...this.now, ...change }
  }

  /** A step that can be undone. */
  set(change: Partial<Edits> = {}): void {
    this.move(change)
    if (JSON.stringify(this.now) === JSON.stringify(this.#settled)) return
    this.past = [...this.past, this.#settled]
    this.future = []
    this.#settled = this.now
  }

  undo(): void {
    const last = this.past.at(-1)
    if (!last) return
    this.past = this.past.slice(0, -1)
    this.future = [this.#settled, ...this.future]
    this.now = this.#settled = last
  }

  redo(): void {
    const [next, ...rest] = this.future
    if (!next) return
    this.future = rest
    this.past = [...this.past, this.#settled]
    this.now = this.#settled = next
  }
}
