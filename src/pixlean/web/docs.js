// The page of the APIs: copy a command, or send a request from here to this server and see the answer.
"use strict"

const PICTURE = /^image\/(?!svg)/

function authorization(way, key) {
  if (!key) return {}
  if (way === "basic") return { Authorization: `Basic ${btoa(`api:${key}`)}` }
  return way === "api_key" ? { "X-API-KEY": key } : { Authorization: `Bearer ${key}` }
}

function bodyOf(form) {
  if (form.dataset.body === "none") return {}
  if (form.dataset.body === "json") {
    return { body: form.elements.json.value, headers: { "Content-Type": "application/json" } }
  }
  if (form.dataset.body === "raw") return { body: form.elements.file.files[0] }
  const body = new FormData()
  for (const field of form.querySelectorAll("[data-field]")) {
    const value = field.type === "file" ? field.files[0] : field.value
    if (value) body.append(field.dataset.field, value)
  }
  return { body }
}

function pathOf(form) {
  let path = form.dataset.path
  for (const field of form.querySelectorAll("[data-part]")) {
    path = path.replace(`{${field.dataset.part}}`, encodeURIComponent(field.value))
  }
  return path
}

async function show(answer, into) {
  const head = [`${answer.status} ${answer.statusText}`, ...[...answer.headers].map(([name, value]) => `${name}: ${value}`)]
  const kind = answer.headers.get("content-type") ?? ""
  const data = await answer.blob()
  const text = document.createElement("pre")
  into.replaceChildren(text)
  if (kind.startsWith("image/")) {
    text.textContent = head.join("\n")
    const link = document.createElement("a")
    link.href = URL.createObjectURL(data)
    link.download = `result.${kind.split("/")[1].split("+")[0].split(";")[0]}`
    link.textContent = `save (${data.size.toLocaleString()} bytes)`
    into.append(link)
    if (PICTURE.test(kind)) {
      const picture = document.createElement("img")
      picture.src = link.href
      picture.alt = "the answer"
      into.append(picture)
    }
    return
  }
  let said = await data.text()
  try {
    said = JSON.stringify(JSON.parse(said), null, 2)
  } catch {
    // not JSON: as it is
  }
  text.textContent = `${head.join("\n")}\n\n${said.slice(0, 20000)}`
}

async function send(event) {
  event.preventDefault()
  const form = event.currentTarget
  const into = form.querySelector("output")
  const { body, headers } = bodyOf(form)
  into.textContent = "…"
  try {
    const answer = await fetch(pathOf(form), {
      method: form.dataset.verb,
      headers: { ...headers, ...authorization(form.dataset.auth, document.getElementById("key").value) },
      body,
    })
    await show(answer, into)
  } catch (fault) {
    into.textContent = `no answer: ${fault.message}`
  }
}

for (const form of document.querySelectorAll("form[data-path]")) form.addEventListener("submit", send)
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent)
    button.textContent = "copied"
    setTimeout(() => (button.textContent = "copy"), 1500)
  })
}
for (const command of document.querySelectorAll(".command pre")) {
  command.textContent = command.textContent.replace("http://localhost:8080", location.origin)
}
