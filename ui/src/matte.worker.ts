// Who stands before the background: the model runs here, beside the page, so that the page stays free.
import * as ort from "onnxruntime-web/wasm"
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url"
import { cutOut } from "./lib/cutout"
import type { FromWorker, ToWorker } from "./lib/matte"

// MODNet was trained on pictures whose shorter side has 512 pixels, in steps of 32 (Ke et al. 2022, and its config).
const SIDE_PX = 512
const STEP_PX = 32

let session: ort.InferenceSession | null = null
const tell = (message: FromWorker) => postMessage(message)

async function load(modelUrl: string, key: string): Promise<ort.InferenceSession> {
  const wasm = new URL(wasmUrl, import.meta.url).href
  const there = await fetch(wasm, { method: "HEAD" })
  if (!there.ok) throw new Missing()
  const model = await streamed(modelUrl, key)
  // Threads would need a page that is isolated from all others; one is enough for a matte.
  ort.env.wasm.numThreads = 1
  ort.env.wasm.wasmPaths = { wasm }
  return ort.InferenceSession.create(model, { executionProviders: ["wasm"] })
}

class Missing extends Error {}

/** The model, with its progress told. Throws what the server said where it has none. */
async function streamed(url: string, key: string): Promise<Uint8Array> {
  const answer = await fetch(url, key ? { headers: { Authorization: `Bearer ${key}` } } : {})
  if (!answer.ok || !answer.body) {
    const said = (await answer.json().catch(() => null)) as { error?: { message?: string } } | null
    throw new Error(said?.error?.message ?? `status ${answer.status}`)
  }
  const total = Number(answer.headers.get("Content-Length"))
  const parts: Uint8Array[] = []
  let got = 0
  const reader = answer.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    got += value.length
    tell({ kind: "progress", share: total ? got / total : 0, bytes: got })
  }
  const whole = new Uint8Array(got)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** The picture as the model wants it: RGB in planes, -1 to 1. */
function asTensor(picture: ImageBitmap): ort.Tensor {
  const scale = SIDE_PX / Math.min(picture.width, picture.height)
  const side = (px: number) => Math.max(STEP_PX, Math.round((px * scale) / STEP_PX) * STEP_PX)
  const [width, height] = [side(picture.width), side(picture.height)]
  const context = new OffscreenCanvas(width, height).getContext("2d")!
  context.imageSmoothingQuality = "high"
  context.drawImage(picture, 0, 0, width, height)
  const { data } = context.getImageData(0, 0, width, height)
  const planes = new Float32Array(3 * width * height)
  for (let at = 0; at < width * height; at++) {
    for (let plane = 0; plane < 3; plane++) planes[plane * width * height + at] = data[4 * at + plane]! / 127.5 - 1
  }
  return new ort.Tensor("float32", planes, [1, 3, height, width])
}

async function matteOf(picture: ImageBitmap, from: ort.InferenceSession): Promise<ImageData> {
  const found = await from.run({ [from.inputNames[0]!]: asTensor(picture) })
  const matte = found[from.outputNames[0]!]!
  const [, , height, width] = matte.dims as [number, number, number, number]
  const shown = new ImageData(width, height)
  const values = matte.data as Float32Array
  for (let at = 0; at < width * height; at++) {
    shown.data.fill(255 * Math.min(1, Math.max(0, values[at]!)), 4 * at, 4 * at + 3)
    shown.data[4 * at + 3] = 255
  }
  return shown
}

onmessage = async ({ data: asked }: MessageEvent<ToWorker>) => {
  try {
    session ??= await load(asked.modelUrl, asked.key)
    tell({ kind: "working" })
    const matte = await matteOf(asked.picture, session)
    const result = await cutOut(asked.picture, matte)
    tell({ kind: "done", result, matte })
  } catch (error) {
    tell({ kind: "failed", isMissing: error instanceof Missing, message: error instanceof Error ? error.message : String(error) })
  }
}
