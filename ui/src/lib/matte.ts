// The page's side of background removal: one worker, made when it is first needed.
export interface ToWorker {
  picture: ImageBitmap
  modelUrl: string
  key: string
}

export type FromWorker =
  | { kind: "progress"; share: number; bytes: number }
  | { kind: "working" }
  | { kind: "done"; result: Blob; matte: ImageData }
  | { kind: "failed"; isMissing: boolean; message: string }

export interface CutOut {
  result: Blob
  matte: ImageData
}

export class NoRuntime extends Error {}

// Machines with less get the quantized model: a quarter of the bytes.
const SMALL_MEMORY_GB = 4
let worker: Worker | null = null

/** The smaller model for smaller machines. */
export function variant(): "full" | "quantized" {
  const memory = (navigator as { deviceMemory?: number }).deviceMemory ?? SMALL_MEMORY_GB + 1
  return memory <= SMALL_MEMORY_GB || navigator.hardwareConcurrency <= 2 ? "quantized" : "full"
}

/** The foreground of a picture, in this browser. Throws `NoRuntime` where the server has no wasm, and what went wrong. */
export async function removeBackground(
  url: string,
  key: string,
  told: (message: FromWorker) => void,
): Promise<CutOut> {
  const image = new Image()
  image.src = url
  await image.decode()
  const picture = await createImageBitmap(image)
  worker ??= new Worker(new URL("../matte.worker.ts", import.meta.url), { type: "module" })
  const asked = worker
  return new Promise((resolve, reject) => {
    const end = (error: Error) => {
      asked.terminate()
      worker = null // a new one next time: what failed may be there then
      reject(error)
    }
    asked.onerror = (event) => end(new Error(event.message || "the worker could not start"))
    asked.onmessage = ({ data: message }: MessageEvent<FromWorker>) => {
      told(message)
      if (message.kind === "done") resolve(message)
      if (message.kind === "failed") end(message.isMissing ? new NoRuntime() : new Error(message.message))
    }
    const modelUrl = new URL(`api/models/modnet?variant=${variant()}`, location.href).href
    asked.postMessage({ picture, modelUrl, key } satisfies ToWorker, [picture])
  })
}
