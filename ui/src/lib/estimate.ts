// Other formats at the same look, estimated before any of them is made.
import { post } from "./ask"
import { asOptimization, type Options } from "./options"
import { SHOWN } from "./result"

export interface Alternative {
  format: string
  size: number
}

interface Estimate {
  alternatives?: { format?: unknown; estimated_optimized_size?: unknown }[]
}

/** What the server says of other formats; nothing where it does not speak of them. Throws `Fault`. */
export async function alternatives(file: File, options: Options, key: string): Promise<Alternative[]> {
  const form = new FormData()
  form.append("options", JSON.stringify(asOptimization(options)))
  form.append("alternatives", "true")
  form.append("file", file, file.name)
  const { blob } = await post("estimate", form, { key, accept: SHOWN })
  const said = JSON.parse(await blob.text()) as Estimate
  return (said.alternatives ?? []).flatMap(({ format, estimated_optimized_size: size }) =>
    typeof format === "string" && typeof size === "number" ? [{ format, size }] : [],
  )
}
