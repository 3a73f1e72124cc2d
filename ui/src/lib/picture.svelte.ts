// One picture of the list, from the moment it is dropped until it is taken away.
import type { Fault } from "./ask"
import type { Edits } from "./edits"
import type { Result } from "./result"

export type Stage = "waiting" | "working" | "done" | "failed" | "cancelled"

let count = 0

export class Picture {
  readonly id = `picture-${++count}`
  stage = $state<Stage>("waiting")
  sent = $state(0)
  thumb = $state("")
  wish = "" // the settings that it was begun with
  isStrange = false // to this browser
  triedThumb: Promise<void> = Promise.resolve()
  edits = $state.raw<Edits | null>(null)
  cutOut = $state.raw<File | null>(null) // the picture without its background, a PNG
  result = $state.raw<Result | null>(null)
  fault = $state.raw<Fault | null>(null)
  #source = ""
  #stop: AbortController | null = null

  constructor(
    readonly file: File,
    readonly folder = "",
  ) {}

  /** The original's own URL, made when somebody looks. */
  get source(): string {
    this.#source ||= URL.createObjectURL(this.file)
    return this.#source
  }

  /** Begin anew; the signal ends when `stop` is called. */
  begin(): AbortSignal {
    this.#stop = new AbortController()
    this.stage = "working"
    this.sent = 0
    this.fault = null
    return this.#stop.signal
  }

  finish(result: Result): void {
    if (this.result) URL.revokeObjectURL(this.result.url)
    this.result = result
    this.stage = "done"
  }

  fail(fault: Fault): void {
    this.fault = fault
    this.stage = "failed"
  }

  wait(): void {
    this.stop()
    this.fault = null
    this.stage = "waiting"
  }

  cancel(): void {
    this.stop()
    if (this.stage === "waiting" || this.stage === "working") this.stage = this.result ? "done" : "cancelled"
  }

  stop(): void {
    this.#stop?.abort()
    this.#stop = null
  }

  forget(): void {
    this.stop()
    for (const url of [this.#source, this.thumb, this.result?.url]) if (url) URL.revokeObjectURL(url)
  }
}
