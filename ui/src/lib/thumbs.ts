// Small pictures for the list, made one after the other: sixty large photos must not stop the page.
import { post } from "./ask"
import type { Picture } from "./picture.svelte"

const SIDE_PX = 112
let last: Promise<void> = Promise.resolve()

/** Give a picture its thumbnail when it is its turn. */
export function makeThumb(picture: Picture): void {
  picture.triedThumb = last = last.then(() => make(picture)).catch(() => undefined)
}

async function make(picture: Picture): Promise<void> {
  const url = await small(picture.file)
  picture.thumb = url ?? ""
  picture.isStrange = url === null
}

/** The server's thumbnail of a picture that this browser can't read, where there is none yet; no loss where it fails. */
export async function fetchThumb(picture: Picture, key: string): Promise<void> {
  await picture.triedThumb // the server may be quicker than this browser
  if (!picture.isStrange || picture.thumb) return
  const form = new FormData()
  form.append("options", JSON.stringify({ optimization: { format: "webp", max_width: 2 * SIDE_PX, effort: 0 } }))
  form.append("file", picture.file, picture.file.name)
  try {
    const { blob } = await post("optimize", form, { key })
    picture.thumb = URL.createObjectURL(blob)
  } catch {
    // The list shows the file's ending in its place.
  }
}

/** A thumbnail's URL, or null where this browser can't read the format. */
export async function small(blob: Blob): Promise<string | null> {
  if (blob.type === "image/svg+xml") return URL.createObjectURL(blob)
  try {
    const whole = await createImageBitmap(blob)
    const scale = Math.min(1, SIDE_PX / Math.min(whole.width, whole.height))
    const sides = [Math.max(1, Math.round(whole.width * scale)), Math.max(1, Math.round(whole.height * scale))] as const
    const canvas = new OffscreenCanvas(sides[0], sides[1])
    const context = canvas.getContext("2d")
    if (!context) return null
    context.imageSmoothingQuality = "high"
    context.drawImage(whole, 0, 0, sides[0], sides[1])
    whole.close()
    return URL.createObjectURL(await canvas.convertToBlob({ type: "image/webp", quality: 0.8 }))
  } catch {
    return null
  }
}
