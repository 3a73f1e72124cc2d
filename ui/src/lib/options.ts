// What the user wants done, how it is remembered, and how it is said to the server.
export type Aim = "quality" | "look" | "size"
export type Preset = "high" | "medium" | "low" | "none"

export interface Options {
  aim: Aim
  preset: Preset
  quality: number
  minScore: number
  targetKb: number
  format: string // "" keeps each picture's own
  maxWidth: number | null
  maxHeight: number | null
  keepMetadata: boolean
  progressive: boolean
  exactPng: boolean
  effort: string // "" is what pays
}

export const FORMATS = ["jpeg", "png", "webp", "avif", "jxl", "gif", "tiff", "bmp", "heic"] as const
export const PRESETS: Record<Exclude<Preset, "none">, { quality: number; exactPng: boolean }> = {
  high: { quality: 40, exactPng: false },
  medium: { quality: 60, exactPng: false },
  low: { quality: 75, exactPng: true },
}
export const DEFAULTS: Readonly<Options> = {
  aim: "quality",
  preset: "none",
  quality: 80,
  minScore: 80,
  targetKb: 200,
  format: "",
  maxWidth: null,
  maxHeight: null,
  keepMetadata: false,
  progressive: false,
  exactPng: false,
  effort: "",
}

const PLACE = "pixlean.options"

/** What was chosen the last time; the defaults where that can't be read. */
export function remembered(): Options {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(PLACE) ?? "{}")
    if (typeof kept !== "object" || kept === null) return { ...DEFAULTS }
    const right = Object.entries(kept).filter(
      ([name, value]) => name in DEFAULTS && fits(value, DEFAULTS[name as keyof Options]),
    )
    return { ...DEFAULTS, ...Object.fromEntries(right) }
  } catch {
    return { ...DEFAULTS }
  }
}

function fits(value: unknown, usual: unknown): boolean {
  return usual === null ? value === null || typeof value === "number" : typeof value === typeof usual
}

export function remember(options: Options): void {
  try {
    localStorage.setItem(PLACE, JSON.stringify(options))
  } catch {
    // A browser that keeps nothing forgets the settings; everything else works.
  }
}

/** The `optimization` object of POST /optimize: only what differs from the server's own choice. */
export function asOptimization(options: Options): Record<string, string | number | boolean> {
  const said: Record<string, string | number | boolean> = {}
  const preset = options.preset === "none" ? null : PRESETS[options.preset]
  if (options.aim === "quality") said.quality = preset ? preset.quality : options.quality
  if (options.aim === "look") said.min_score = options.minScore
  if (options.aim === "size") said.target_size = Math.max(1, Math.round(options.targetKb * 1024))
  if (options.exactPng || (options.aim === "quality" && preset?.exactPng)) said.png_lossy = false
  if (options.format) said.format = options.format
  if (options.maxWidth) said.max_width = options.maxWidth
  if (options.maxHeight) said.max_height = options.maxHeight
  if (options.keepMetadata) said.strip_metadata = false
  if (options.progressive) said.progressive_jpeg = true
  if (options.effort) said.effort = Number(options.effort)
  return said
}
