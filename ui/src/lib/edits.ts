// What can be changed in a picture, and how it is said to /api/convert (Feather's API): crop first, then turned, then coloured.
import { post, type Asking } from "./ask"
import { asOptimization, type Options } from "./options"
import { type Result, renamed, SHOWN } from "./result"

export interface Crop {
  left: number
  top: number
  width: number
  height: number
}

export interface Edits {
  crop: Crop | null // in pixels of the upright original
  rotate: number // degrees clockwise
  flip: boolean
  flop: boolean
  brightness: number
  saturation: number
  contrast: number
  grayscale: boolean
  blur: number
  sharpen: boolean
}

export const NO_EDITS: Readonly<Edits> = {
  crop: null,
  rotate: 0,
  flip: false,
  flop: false,
  brightness: 1,
  saturation: 1,
  contrast: 1,
  grayscale: false,
  blur: 0,
  sharpen: false,
}
const OUTPUTS = ["jpeg", "png", "webp", "avif"]
const MEGABYTE = 1 << 20

export function isNothing(edits: Edits): boolean {
  return JSON.stringify(edits) === JSON.stringify(NO_EDITS)
}

/** The fields that differ from doing nothing. */
function asFields(edits: Edits): Record<string, string> {
  const fields: Record<string, string> = {}
  if (edits.crop) {
    const { left, top, width, height } = edits.crop
    Object.assign(fields, { cropX: `${left}`, cropY: `${top}`, cropWidth: `${width}`, cropHeight: `${height}` })
  }
  for (const name of ["rotate", "flip", "flop", "brightness", "saturation", "contrast", "grayscale", "blur", "sharpen"] as const) {
    if (edits[name] !== NO_EDITS[name]) fields[name] = String(edits[name])
  }
  return fields
}

async function ask(path: string, file: File, fields: Record<string, string>, asking: Asking) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append("file", file, file.name)
  return post(path, form, asking)
}

/** A quick, small rendering. Throws `Fault`. */
export async function preview(file: File, edits: Edits, asking: Asking): Promise<Blob> {
  const fields = { ...asFields(edits), outputFormat: "webp", mode: "preview" }
  return (await ask("api/convert", file, fields, asking)).blob
}

/** The edited picture before it is made smaller, to compare with. Throws `Fault`. */
export async function reference(file: File, edits: Edits, asking: Asking): Promise<Blob> {
  return (await ask("api/convert", file, { ...asFields(edits), outputFormat: "webp", quality: "97" }, asking)).blob
}

/** The format an edited picture gets: what was chosen, else its own, where that can be written here. */
export function outputOf(options: Options, sourceFormat: string): string {
  const wanted = options.format || sourceFormat
  if (wanted === "auto" || OUTPUTS.includes(wanted)) return wanted
  return ["heic", "jxl"].includes(wanted) ? "jpeg" : "png"
}

/** The edited picture at its full size. Throws `Fault`. */
export async function edit(file: File, edits: Edits, options: Options, from: Result, asking: Asking): Promise<Result> {
  const said = asOptimization(options)
  const fields: Record<string, string> = { ...asFields(edits), outputFormat: outputOf(options, from.sourceFormat) }
  if (said.quality !== undefined) fields.quality = String(said.quality)
  if (said.target_size !== undefined) fields.targetMB = String(Number(said.target_size) / MEGABYTE)
  if (options.maxWidth) fields.maxWidth = String(options.maxWidth)
  if (options.maxHeight) fields.maxHeight = String(options.maxHeight)
  if (options.keepMetadata) fields.stripMetadata = "false"
  if (options.progressive) fields.progressive = "true"
  if (options.effort) fields.effort = options.effort
  // Only /api/compress knows sizes and auto.
  const path = fields.targetMB || fields.outputFormat === "auto" ? "api/compress" : "api/convert"
  const { blob, header } = await ask(path, file, fields, { ...asking, accept: SHOWN })
  const format = blob.type.replace("image/", "")
  const sides = [Number(header("X-Output-Width")), Number(header("X-Output-Height"))] as [number, number]
  return {
    blob,
    url: URL.createObjectURL(blob),
    name: renamed(file.name, format, format !== from.sourceFormat),
    before: file.size,
    after: blob.size,
    percent: 100 * (1 - blob.size / Math.max(1, file.size)),
    sourceFormat: from.sourceFormat,
    format,
    method: `quality ${header("X-Output-Quality") ?? "?"}`,
    score: null,
    targetMet: header("X-Target-Met") !== "false",
    warning: null,
    cached: false,
    attempts: [],
    sides,
    sourceSides: from.sourceSides,
  }
}
