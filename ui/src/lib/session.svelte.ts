// What all parts of the page share: the settings, the key, the queue and which picture is looked at.
import { pack } from "./cutoutpack"
import { edit } from "./edits"
import { Key } from "./key.svelte"
import { Queue } from "./queue.svelte"
import { type Options, remember, remembered } from "./options"
import type { Gathered } from "./gather"
import { Picture } from "./picture.svelte"
import { optimize } from "./result"
import { fetchThumb, makeThumb } from "./thumbs"

// Sliders and fields change in bursts: what is there runs again when they rest.
const REST_MILLISECONDS = 350
const DRAWN_AT_A_TIME = 12

export class Session {
  options = $state<Options>(remembered())
  readonly ring = new Key()
  looks = $state(0)
  selected = $state.raw<Picture | null>(null)
  readonly queue = new Queue(
    async (picture, options, signal) => {
      const asking = { key: this.key, signal, progress: (share: number) => (picture.sent = share) }
      const from = picture.result
      picture.wish = JSON.stringify(options)
      const result =
        picture.cutOut && from
          ? await pack(picture.file, picture.cutOut, options, from, asking)
          : picture.edits && from
            ? await edit(picture.file, picture.edits, options, from, asking)
            : await optimize(picture.file, options, asking)
      this.selected ??= picture
      void fetchThumb(picture, this.key)
      return result
    },
    () => $state.snapshot(this.options),
    async () => {
      try {
        return (await fetch("health/ready")).ok
      } catch {
        return false
      }
    },
  )
  #rest: ReturnType<typeof setTimeout> | undefined

  /** Somebody wants to see this one. */
  look(picture: Picture): void {
    this.selected = picture
    this.looks += 1
  }

  get key(): string {
    return this.ring.text
  }

  add(gathered: Gathered[]): void {
    const pictures = gathered.map(({ file, folder }) => new Picture(file, folder))
    // A long list is drawn in parts, so that the page answers meanwhile.
    for (let at = 0; at < pictures.length; at += DRAWN_AT_A_TIME) {
      const some = pictures.slice(at, at + DRAWN_AT_A_TIME)
      setTimeout(() => {
        this.queue.add(some)
        for (const each of some) makeThumb(each)
      })
    }
  }

  /** The settings changed: remember them, and run again what is there. */
  changed(): void {
    remember($state.snapshot(this.options))
    clearTimeout(this.#rest)
    this.#rest = setTimeout(() => {
      const wish = JSON.stringify(this.options)
      this.queue.again(this.queue.pictures.filter((each) => each.stage !== "cancelled" && each.wish !== wish))
    }, REST_MILLISECONDS)
  }

  remove(picture: Picture): void {
    this.queue.remove(picture)
    if (this.selected === picture) this.selected = this.queue.done[0] ?? null
  }

  clear(): void {
    this.queue.clear()
    this.selected = null
  }
}
