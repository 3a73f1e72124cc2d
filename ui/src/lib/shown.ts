// Pictures that this browser can't show are shown as what the server makes of them.
import { post } from "./ask"

/** A URL that an image element shows. Throws `Fault` where neither browser nor server can read the picture. */
export async function shownUrl(blob: Blob, url: string, name: string, key: string): Promise<string> {
  if (await shows(url)) return url
  const form = new FormData()
  form.append("options", JSON.stringify({ optimization: { format: "webp", quality: 95, effort: 0 } }))
  form.append("file", blob, name)
  const { blob: readable } = await post("optimize", form, { key })
  return URL.createObjectURL(readable)
}

async function shows(url: string): Promise<boolean> {
  const image = new Image()
  image.src = url
  try {
    await image.decode()
    return true
  } catch {
    return false
  }
}
