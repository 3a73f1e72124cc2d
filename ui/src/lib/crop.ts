// Where a crop may be: inside the picture, of at least one pixel, of its ratio where one is kept.
import type { Crop } from "./edits"

export type Sides = readonly [number, number]
export type Corner = "nw" | "ne" | "sw" | "se"

const clamp = (value: number, least: number, most: number) => Math.min(Math.max(value, least), Math.max(least, most))

/** Whole pixels, inside the picture. */
export function inside(crop: Crop, [wide, high]: Sides): Crop {
  const width = clamp(Math.round(crop.width), 1, wide)
  const height = clamp(Math.round(crop.height), 1, high)
  const left = clamp(Math.round(crop.left), 0, wide - width)
  const top = clamp(Math.round(crop.top), 0, high - height)
  return { left, top, width, height }
}

export function moved(crop: Crop, byX: number, byY: number, sides: Sides): Crop {
  return inside({ ...crop, left: crop.left + byX, top: crop.top + byY }, sides)
}

/** The crop with one corner elsewhere; the opposite one stays. `ratio` is width by height, null where it is free. */
export function resized(crop: Crop, corner: Corner, byX: number, byY: number, ratio: number | null, sides: Sides): Crop {
  const west = corner.endsWith("w")
  const north = corner.startsWith("n")
  const right = crop.left + crop.width
  const bottom = crop.top + crop.height
  const mostWide = west ? right : sides[0] - crop.left
  const mostHigh = north ? bottom : sides[1] - crop.top
  let width = clamp(crop.width + (west ? -byX : byX), 1, mostWide)
  let height = clamp(crop.height + (north ? -byY : byY), 1, mostHigh)
  if (ratio !== null) {
    width = Math.min(Math.max(width, height * ratio), mostWide, mostHigh * ratio)
    height = width / ratio
  }
  return inside({ left: west ? right - width : crop.left, top: north ? bottom - height : crop.top, width, height }, sides)
}

/** The largest crop of a ratio, in the middle. */
export function largest(ratio: number | null, sides: Sides): Crop {
  const [wide, high] = sides
  if (ratio === null) return inside({ left: wide * 0.1, top: high * 0.1, width: wide * 0.8, height: high * 0.8 }, sides)
  const width = Math.min(wide, high * ratio)
  const height = width / ratio
  return inside({ left: (wide - width) / 2, top: (high - height) / 2, width, height }, sides)
}
