// From a matte to a picture with alpha whose soft edges are right on every ground: the old background is taken out of them.

// Colours of what is before and behind are smooth: they are estimated on this many pixels and enlarged.
const ESTIMATE_SIDE_PX = 384
const BLUR_PX = 9

/**
 * The foreground as a PNG. Its colours are estimated as in Forte and Pitié, "Approximate fast foreground colour
 * estimation" (2021): means before and behind, then what the pixel itself says.
 */
export async function cutOut(picture: ImageBitmap, matte: ImageData): Promise<Blob> {
  const { width, height } = picture
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext("2d", { willReadFrequently: true })!
  const alpha = pixels(await createImageBitmap(matte), width, height)
  const scale = Math.min(1, ESTIMATE_SIDE_PX / Math.max(width, height))
  const [wide, high] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))]
  const little = pixels(picture, wide, high)
  const littleAlpha = pixels(await createImageBitmap(matte), wide, high)
  const before = pixels(await createImageBitmap(means(little, littleAlpha, (share) => share)), width, height)
  const behind = pixels(await createImageBitmap(means(little, littleAlpha, (share) => 1 - share)), width, height)
  context.drawImage(picture, 0, 0)
  const made = context.getImageData(0, 0, width, height)
  for (let at = 0; at < made.data.length; at += 4) {
    const share = alpha.data[at]! / 255
    if (share > 0 && share < 1) {
      for (let plane = at; plane < at + 3; plane++) {
        const own = made.data[plane]! - share * before.data[plane]! - (1 - share) * behind.data[plane]!
        made.data[plane] = before.data[plane]! + share * own // clamped by the array
      }
    }
    made.data[at + 3] = Math.round((made.data[at + 3]! * alpha.data[at]!) / 255)
  }
  context.putImageData(made, 0, 0)
  return canvas.convertToBlob({ type: "image/png" })
}

function pixels(picture: ImageBitmap, width: number, height: number): ImageData {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!
  context.imageSmoothingQuality = "high"
  context.drawImage(picture, 0, 0, width, height)
  return context.getImageData(0, 0, width, height)
}

/** Each pixel's mean colour nearby, weighed by its share. */
function means(picture: ImageData, matte: ImageData, weigh: (share: number) => number): ImageData {
  const { width, height } = picture
  const count = width * height
  const sums = [0, 1, 2, 3].map(() => new Float32Array(count))
  for (let at = 0; at < count; at++) {
    const weight = weigh(matte.data[4 * at]! / 255) + 1e-4 // far from all of it: the mean of everything near
    for (let plane = 0; plane < 3; plane++) sums[plane]![at] = weight * picture.data[4 * at + plane]!
    sums[3]![at] = weight
  }
  const blurred = sums.map((plane) => blur(blur(plane, width, height, 1, width), height, width, width, 1))
  const made = new ImageData(width, height)
  for (let at = 0; at < count; at++) {
    for (let plane = 0; plane < 3; plane++) made.data[4 * at + plane] = blurred[plane]![at]! / blurred[3]![at]!
    made.data[4 * at + 3] = 255
  }
  return made
}

/** A running mean along lines: ``length`` values ``step`` apart, ``lines`` of them ``stride`` apart. */
function blur(values: Float32Array, length: number, lines: number, step: number, stride: number): Float32Array {
  const made = new Float32Array(values.length)
  for (let line = 0; line < lines; line++) {
    const first = line * stride
    let sum = 0
    let many = 0
    for (let at = -BLUR_PX; at < length; at++) {
      const enters = at + BLUR_PX
      const leaves = at - BLUR_PX - 1
      if (enters < length) (sum += values[first + enters * step]!), many++
      if (leaves >= 0) (sum -= values[first + leaves * step]!), many--
      if (at >= 0) made[first + at * step] = sum / many
    }
  }
  return made
}
