// Which pictures are worked on, how many at a time, and what happens while the server can't.
import { Fault } from "./ask"
import type { Options } from "./options"
import { Picture } from "./picture.svelte"
import type { Result } from "./result"

// More at a time only fills the server's queue: the other half of the time goes into sending.
const MOST_AT_A_TIME = 4
const FIRST_PAUSE_SECONDS = 1
const LONGEST_PAUSE_SECONDS = 30

export type Hold = "busy" | "limit" | "away" | "key" | null
export type Work = (picture: Picture, options: Options, signal: AbortSignal) => Promise<Result>

export class Queue {
  pictures = $state<Picture[]>([])
  hold = $state<Hold>(null)
  secondsLeft = $state(0)
  done = $derived(this.pictures.filter((each) => each.stage === "done"))
  failed = $derived(this.pictures.filter((each) => each.stage === "failed" || each.stage === "cancelled"))
  open = $derived(this.pictures.filter((each) => each.stage === "waiting" || each.stage === "working"))
  before = $derived(this.done.reduce((sum, each) => sum + (each.result?.before ?? 0), 0))
  after = $derived(this.done.reduce((sum, each) => sum + (each.result?.after ?? 0), 0))
  #room = 2
  #working = 0
  #pauses = 0
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(
    private readonly work: Work,
    private readonly options: () => Options,
    private readonly isBack: () => Promise<boolean>,
  ) {}

  add(pictures: Picture[]): void {
    this.pictures.push(...pictures)
    this.pump()
  }

  again(pictures: Picture[]): void {
    for (const each of pictures) each.wait()
    this.pump()
  }

  cancel(): void {
    for (const each of this.open) each.cancel()
  }

  remove(picture: Picture): void {
    picture.forget()
    this.pictures = this.pictures.filter((each) => each !== picture)
  }

  clear(): void {
    for (const each of this.pictures) each.forget()
    this.pictures = []
    this.resume()
  }

  /** Go on where a pause was, at once. */
  resume(): void {
    clearInterval(this.#timer)
    this.hold = null
    this.secondsLeft = 0
    this.pump()
  }

  pump(): void {
    while (this.hold === null && this.#working < this.#room) {
      const next = this.pictures.find((each) => each.stage === "waiting")
      if (!next) return
      void this.#run(next)
    }
  }

  async #run(picture: Picture): Promise<void> {
    const signal = picture.begin()
    this.#working += 1
    try {
      const result = await this.work(picture, this.options(), signal)
      if (signal.aborted) URL.revokeObjectURL(result.url)
      else {
        picture.finish(result)
        this.#pauses = 0
        this.#room = Math.min(MOST_AT_A_TIME, this.#room + 1)
      }
    } catch (error) {
      // Whoever stopped it said already what becomes of it.
      if (!signal.aborted) this.#judge(picture, error)
    } finally {
      this.#working -= 1
      this.pump()
    }
  }

  #judge(picture: Picture, error: unknown): void {
    const fault = error instanceof Fault ? error : new Fault(String(error), -1)
    if (fault.status === 401) this.#pause("key", null)
    else if (fault.isLost) this.#pause("away", null)
    else if (fault.isLater) {
      this.#room = Math.max(1, this.#room - 1)
      this.#pause(fault.status === 429 ? "limit" : "busy", fault.retrySeconds)
    } else {
      picture.fail(fault)
      return
    }
    picture.wait()
  }

  /** Nothing new is sent until the time is over; while the server is away, until it answers. */
  #pause(hold: Exclude<Hold, null>, seconds: number | null): void {
    const next = Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** this.#pauses)
    if (this.hold !== null) return
    this.#pauses += 1
    this.hold = hold
    this.secondsLeft = Math.max(1, Math.ceil(seconds ?? next))
    if (hold === "key") return
    clearInterval(this.#timer)
    this.#timer = setInterval(() => void this.#tick(), 1000)
  }

  async #tick(): Promise<void> {
    this.secondsLeft = Math.max(0, this.secondsLeft - 1)
    if (this.secondsLeft > 0) return
    if (this.hold === "away" && !(await this.isBack())) {
      this.secondsLeft = 2
      return
    }
    if (this.hold !== null && this.hold !== "key") this.resume()
  }
}
