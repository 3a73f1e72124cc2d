// The settings in hand as commands and HTML to paste elsewhere.
import { asOptimization, type Options } from "./options"
import { SHOWN } from "./result"

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) && !word.startsWith("-") ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export function asCurl(options: Options, name: string, result: string, withKey: boolean): string {
  const address = new URL("optimize", location.href).href
  const wishes = JSON.stringify({ optimization: asOptimization(options) })
  // In a quoted name curl reads \ and " by its own rules.
  const form = `file=@"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`
  return [
    `curl -sf ${quoted(address)}`,
    ...(withKey ? ['-H "Authorization: Bearer $PIXLEAN_KEY"'] : []),
    ...(options.format === "auto" ? [`-H 'Accept: ${SHOWN}'`] : []),
    `-F ${quoted(form)}`,
    `-F ${quoted(`options=${wishes}`)}`,
    `-o ${quoted(`./small-${result}`)}`,
  ].join(" \\\n  ")
}

export function asCommand(options: Options, name: string): string {
  const said = asOptimization(options)
  const isSized = options.maxWidth !== null || options.maxHeight !== null
  const words = ["pixlean", isSized ? "resize" : "optimize", quoted(`./${name}`)]
  const value = (flag: string, given: unknown) => given != null && given !== "" && words.push(flag, String(given))
  const flag = (name: string, given: boolean) => given && words.push(name)
  value("--width", options.maxWidth)
  value("--height", options.maxHeight)
  value("--quality", said.quality)
  value("--format", options.format)
  flag("--max", options.effort === "9")
  flag("--fast", options.effort === "0")
  if (isSized) return words.join(" ") // resize takes no more
  value("--min-score", said.min_score)
  value("--target-size", said.target_size)
  flag("--lossless", said.png_lossy === false)
  flag("--keep-metadata", options.keepMetadata)
  flag("--progressive", options.progressive)
  return words.join(" ")
}

/** Whether the command says all that is wished. */
export function isWhole(options: Options): boolean {
  const isSized = options.maxWidth !== null || options.maxHeight !== null
  const more = options.aim !== "quality" || options.keepMetadata || options.progressive || options.exactPng
  return options.effort !== "5" && !(isSized && (more || asOptimization(options).png_lossy === false))
}

/** The command that writes all widths and prints their HTML. */
export function asSrcset(options: Options, name: string, width: number): string {
  const widths = [400, 800, 1200, 1600].filter((each) => each < width)
  const all = [...widths, ...(width <= 1600 ? [width] : [])].join(",")
  const said = asOptimization(options)
  const quality = said.quality === undefined ? "" : ` --quality ${said.quality}`
  const formats = ["jpeg", "png", "gif"].includes(options.format) ? options.format : "avif,webp,jpeg"
  return `pixlean srcset ${quoted(`./${name}`)} --widths ${all} --formats ${formats}${quality}`
}
