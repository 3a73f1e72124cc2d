// One request with a body to the server: progress, cancelling, and errors of one kind.

/** Why there is no result. `isLost` where no answer came at all. */
export class Fault extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly retrySeconds: number | null = null,
  ) {
    super(message)
  }

  get isLost(): boolean {
    return this.status === 0
  }

  get isLater(): boolean {
    return this.isLost || this.status === 503 || this.status === 429
  }
}

export interface Asking {
  key: string
  signal?: AbortSignal
  accept?: string
  progress?: (share: number) => void
}

export interface Answer {
  blob: Blob
  header: (name: string) => string | null
}

/** POST a form; `fetch` can't tell how much of a body is sent, so this is the older way. Throws `Fault`. */
export function post(path: string, body: FormData, asking: Asking): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const stop = () => request.abort()
    request.open("POST", path)
    request.responseType = "blob"
    if (asking.accept) request.setRequestHeader("Accept", asking.accept)
    if (asking.key) request.setRequestHeader("Authorization", `Bearer ${asking.key}`)
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) asking.progress?.(event.loaded / event.total)
    }
    request.onload = () => {
      const blob = request.response as Blob
      if (request.status < 300) resolve({ blob, header: (name) => request.getResponseHeader(name) })
      else void fault(request.status, blob, request.getResponseHeader("Retry-After")).then(reject)
    }
    request.onerror = () => reject(new Fault("", 0))
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"))
    request.onloadend = () => asking.signal?.removeEventListener("abort", stop)
    if (asking.signal?.aborted) {
      reject(new DOMException("cancelled", "AbortError"))
      return
    }
    asking.signal?.addEventListener("abort", stop)
    request.send(body)
  })
}

/** Ask for JSON. Throws `Fault`. */
export async function json<T>(path: string, key: string, verb = "GET", body?: unknown): Promise<T> {
  return (await (await send(path, key, verb, body)).json()) as T
}

/** Send JSON, or nothing. Throws `Fault`. */
export async function send(path: string, key: string, verb: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" }
  if (key) headers.Authorization = `Bearer ${key}`
  if (body !== undefined) headers["Content-Type"] = "application/json"
  let answer: Response
  try {
    answer = await fetch(path, { method: verb, headers, body: body === undefined ? null : JSON.stringify(body) })
  } catch {
    throw new Fault("", 0)
  }
  if (!answer.ok) throw await fault(answer.status, await answer.blob(), answer.headers.get("Retry-After"))
  return answer
}

async function fault(status: number, blob: Blob, later: string | null): Promise<Fault> {
  const seconds = later !== null && Number.isFinite(Number(later)) ? Number(later) : null
  return new Fault(sentence(await blob.text()) || `status ${status}`, status, seconds)
}

/** The message of an error, in the shapes of the two APIs that the page speaks. */
function sentence(text: string): string {
  try {
    const said = JSON.parse(text) as { message?: unknown; error?: { message?: unknown } }
    const message = said.message ?? said.error?.message
    return typeof message === "string" ? message : ""
  } catch {
    return ""
  }
}
