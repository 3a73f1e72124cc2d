// Files out of a drop, a paste or a chosen folder.

export interface Gathered {
  file: File
  folder: string
}

const SKIPPED = /^(\.|thumbs\.db$|desktop\.ini$)/i

/** What was chosen by a file field; files of a folder keep the folder's name. */
export function fromField(files: FileList | null): Gathered[] {
  return [...(files ?? [])].map((file) => ({ file, folder: folderOf(file.webkitRelativePath) })).filter(isWanted)
}

/** What was dropped or pasted, folders with all that is in them. */
export async function fromTransfer(data: DataTransfer | null): Promise<Gathered[]> {
  const items = [...(data?.items ?? [])].filter((item) => item.kind === "file")
  // Entries must be asked for before the first pause: afterwards the browser has forgotten the drop.
  const entries = items.map((item) => item.webkitGetAsEntry())
  const loose = items.map((item) => item.getAsFile())
  const found: Gathered[] = []
  for (const [index, entry] of entries.entries()) {
    const file = loose[index]
    if (entry?.isDirectory) found.push(...(await walk(entry as FileSystemDirectoryEntry)))
    else if (file) found.push({ file, folder: "" })
  }
  return found.filter(isWanted)
}

async function walk(folder: FileSystemDirectoryEntry): Promise<Gathered[]> {
  const reader = folder.createReader()
  const found: Gathered[] = []
  for (;;) {
    // A reader gives a hundred at a time, and nothing when it is through.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return found
    for (const entry of some) {
      if (entry.isDirectory) found.push(...(await walk(entry as FileSystemDirectoryEntry)))
      else {
        const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
        found.push({ file, folder: folderOf(entry.fullPath.slice(1)) })
      }
    }
  }
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ""
}

function isWanted({ file }: Gathered): boolean {
  return !SKIPPED.test(file.name)
}
