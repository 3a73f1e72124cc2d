// A picture without its background, packed by the server in a format that has alpha.
import type { Asking } from "./ask"
import type { Options } from "./options"
import { optimize, renamed, type Result } from "./result"

const WITH_ALPHA = ["png", "webp", "avif", "jxl", "tiff", "auto"]

/** What is compared and counted is the file that was dropped. Throws `Fault`. */
export async function pack(file: File, cutOut: File, options: Options, from: Result, asking: Asking): Promise<Result> {
  const format = WITH_ALPHA.includes(options.format) ? options.format : "png"
  const made = await optimize(cutOut, { ...options, format }, asking)
  return {
    ...made,
    name: renamed(file.name, made.format, true),
    before: file.size,
    percent: 100 * (1 - made.after / Math.max(1, file.size)),
    sourceFormat: from.sourceFormat,
  }
}
