// What the server made of one picture.
import { post, type Answer, type Asking } from "./ask"
import { asOptimization, type Options } from "./options"

export interface Attempt {
  method: string
  size: number | null
  dropped: string | null
}

export interface Result {
  blob: Blob
  url: string
  name: string
  before: number
  after: number
  percent: number
  sourceFormat: string
  format: string
  method: string
  score: number | null
  targetMet: boolean
  warning: string | null
  cached: boolean
  attempts: Attempt[]
  sides: [number, number] | null
  sourceSides: [number, number] | null
}

// What this browser shows; `auto` chooses among these. image/* would mean anything.
export const SHOWN = "image/avif,image/webp,image/png,image/jpeg,image/gif"
const ENDINGS: Record<string, string> = { jpeg: "jpg", apng: "png" }

export async function optimize(file: File, options: Options, asking: Asking): Promise<Result> {
  const form = new FormData()
  form.append("options", JSON.stringify({ optimization: asOptimization(options), report: true }))
  form.append("file", file, file.name)
  return asResult(file, await post("optimize", form, { ...asking, accept: SHOWN }))
}

function asResult(file: File, { blob, header }: Answer): Result {
  const before = Number(header("X-Original-Size") ?? file.size)
  const after = Number(header("X-Optimized-Size") ?? blob.size)
  const format = header("X-Output-Format") ?? blob.type.replace("image/", "")
  const score = header("X-Quality-Score")
  const told = reported(header("X-Pixlean-Report"))
  return {
    blob,
    url: URL.createObjectURL(blob),
    name: renamed(file.name, format, format !== (header("X-Original-Format") ?? format)),
    before,
    after,
    percent: before ? 100 * (1 - after / before) : 0,
    sourceFormat: header("X-Original-Format") ?? "",
    format,
    method: header("X-Optimization-Method") ?? "",
    score: score === null ? null : Number(score),
    targetMet: header("X-Target-Met") !== "false",
    warning: header("X-Pixlean-Warning"),
    cached: header("X-Cache") === "hit",
    ...told,
  }
}

interface Told {
  attempts: Attempt[]
  sides: [number, number] | null
  sourceSides: [number, number] | null
}

function reported(text: string | null): Told {
  if (!text) return { attempts: [], sides: null, sourceSides: null }
  const said = JSON.parse(text) as { attempts: Attempt[]; width: number; height: number; original: [number, number] }
  return { attempts: said.attempts, sides: [said.width, said.height], sourceSides: said.original }
}

/** The picture's name with the end that its format wants. */
export function renamed(name: string, format: string, changed: boolean): string {
  if (!changed) return name
  return `${name.replace(/\.[^.]{1,5}$/, "") || "picture"}.${ENDINGS[format] ?? format}`
}
