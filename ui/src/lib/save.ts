// Taking results away: one ZIP, or a folder where the browser lets us write into one.
import { Zip, ZipPassThrough } from "fflate"
import type { Picture } from "./picture.svelte"

interface FolderPicker {
  showDirectoryPicker(options: { mode: "readwrite" }): Promise<FileSystemDirectoryHandle>
}

export const canSaveInFolder = "showDirectoryPicker" in window

/** A name for every result, none twice: two pictures may be called the same. */
export function namesOf(pictures: Picture[]): Map<string, Picture> {
  const names = new Map<string, Picture>()
  for (const picture of pictures) {
    if (!picture.result) continue
    const path = [picture.folder, picture.result.name].filter(Boolean).join("/")
    const dot = path.lastIndexOf(".") > path.lastIndexOf("/") ? path.lastIndexOf(".") : path.length
    let name = path
    for (let number = 2; names.has(name); number++) name = `${path.slice(0, dot)}-${number}${path.slice(dot)}`
    names.set(name, picture)
  }
  return names
}

/** All results as a ZIP. Pictures are packed already, so they are only put together. */
export async function zipped(pictures: Picture[]): Promise<Blob> {
  const parts: Blob[] = []
  const zip = new Zip()
  const whole = new Promise<Blob>((resolve, reject) => {
    zip.ondata = (error, chunk, final) => {
      if (error) reject(error)
      else parts.push(new Blob([chunk as Uint8Array<ArrayBuffer>]))
      if (final) resolve(new Blob(parts, { type: "application/zip" }))
    }
  })
  for (const [name, picture] of namesOf(pictures)) {
    const entry = new ZipPassThrough(name)
    zip.add(entry)
    entry.push(new Uint8Array((await picture.result?.blob.arrayBuffer()) ?? new ArrayBuffer(0)), true)
  }
  zip.end()
  return whole
}

/** Hand a file to the browser's downloads. */
export function handOver(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement("a")
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** Write all results into a folder that the user chooses: its name, or null where none was chosen. */
export async function saveInFolder(pictures: Picture[]): Promise<string | null> {
  let root: FileSystemDirectoryHandle
  try {
    root = await (window as unknown as FolderPicker).showDirectoryPicker({ mode: "readwrite" })
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null
    throw error
  }
  for (const [name, picture] of namesOf(pictures)) {
    if (!picture.result) continue
    const steps = name.split("/")
    let folder = root
    for (const step of steps.slice(0, -1)) folder = await folder.getDirectoryHandle(step, { create: true })
    const file = await folder.getFileHandle(steps.at(-1) ?? name, { create: true })
    const writer = await file.createWritable()
    await writer.write(picture.result.blob)
    await writer.close()
  }
  return root.name
}
