// Where one looks at a picture: how large, and which part. Both sides of a comparison share it.
const LEAST = 0.02
const MOST = 64

export class View {
  scale = $state(1)
  x = $state(0)
  y = $state(0)
  picture = $state<[number, number]>([1, 1])
  #stage: [number, number] = [1, 1]
  #fits = true

  /** Sizes in CSS pixels; a view that shows the whole picture goes on doing so. */
  setStage(width: number, height: number): void {
    this.#stage = [width, height]
    if (this.#fits) this.fit()
    else this.#keep()
  }

  setPicture(width: number, height: number): void {
    if (width === this.picture[0] && height === this.picture[1]) return
    this.picture = [width, height]
    this.fit()
  }

  /** The whole picture, small ones not enlarged beyond their pixels. */
  fit(): void {
    this.#fits = true
    const room = Math.min(this.#stage[0] / this.picture[0], this.#stage[1] / this.picture[1])
    this.scale = Math.max(LEAST, Math.min(room, Math.max(1, 1 / devicePixelRatio)))
    this.#centre()
  }

  /** One pixel of the picture on one of the screen. */
  actual(): void {
    this.zoom(1 / devicePixelRatio / this.scale)
  }

  /** Zoom by a factor around a point of the stage, its middle where none is named. */
  zoom(factor: number, atX = this.#stage[0] / 2, atY = this.#stage[1] / 2): void {
    const next = Math.min(MOST, Math.max(LEAST, this.scale * factor))
    const change = next / this.scale
    this.#fits = false
    this.scale = next
    this.x = atX - (atX - this.x) * change
    this.y = atY - (atY - this.y) * change
    this.#keep()
  }

  pan(byX: number, byY: number): void {
    this.#fits = false
    this.x += byX
    this.y += byY
    this.#keep()
  }

  #centre(): void {
    this.x = (this.#stage[0] - this.picture[0] * this.scale) / 2
    this.y = (this.#stage[1] - this.picture[1] * this.scale) / 2
  }

  /** The picture never leaves the stage: a smaller one stands in its middle. */
  #keep(): void {
    const width = this.picture[0] * this.scale
    const height = this.picture[1] * this.scale
    const [wide, high] = this.#stage
    this.x = width <= wide ? (wide - width) / 2 : Math.min(0, Math.max(wide - width, this.x))
    this.y = height <= high ? (high - height) / 2 : Math.min(0, Math.max(high - height, this.y))
  }
}
