const $ = id => document.getElementById(id)
const percent = value => value === null || value === undefined ? "" : value.toFixed(1) + " %"
const bytes = value => value.toLocaleString("en")
let source = null, shown = null, began = 0, doneAtStart = 0

async function ask(path, options) {
  const answer = await fetch(path, options)
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || answer.statusText)
  return answer.status === 204 ? null : answer.json()
}
function row(cells) {
  const made = document.createElement("tr")
  cells.forEach(cell => {
    const place = document.createElement("td")
    if (cell instanceof Node) place.append(cell); else place.textContent = cell ?? ""
    made.append(place)
  })
  return made
}
function button(text, act, label) {
  const made = document.createElement("button")
  made.type = "button"; made.textContent = text; made.className = "link"
  if (label) made.setAttribute("aria-label", label)
  made.addEventListener("click", act)
  return made
}
function choices(place, names, labels) {
  names.forEach(name => {
    const label = document.createElement("label"), box = document.createElement("input")
    box.type = "checkbox"; box.value = name; box.name = place.id
    label.append(box, labels ? labels(name) : name)
    place.append(label)
  })
}
const chosen = id => [...$(id).querySelectorAll("input:checked")].map(box => box.value)

async function begin() {
  const corpus = await ask("/api/corpus")
  $("corpus").textContent = (corpus.synthetic ? "A synthetic corpus: python scripts/download_corpus.py fetches a real one. " : `Corpus ${corpus.corpus}. `)
    + Object.entries(corpus.groups).map(([name, group]) => `${name}: ${group.files} files`).join(", ")
  choices($("formats"), corpus.formats)
  choices($("presets"), corpus.presets)
  choices($("groups"), Object.keys(corpus.groups), name => `${name} (${corpus.groups[name].files})`)
  $("thresholds").textContent = `Warn: an average estimate error above ${corpus.thresholds.estimate_warn_points} points, or presets that differ by less than 1 point. Fail: above ${corpus.thresholds.estimate_fail_points} points, or high saves less than low.`
  const runs = await history()
  const going = runs.find(run => run.state === "running" || run.state === "queued")
  if (going) follow(going.id); else if (runs.length) show(runs[0].id)
}

async function history() {
  const { runs } = await ask("/api/runs")
  const ticked = new Set([...document.querySelectorAll("#history input:checked")].map(box => box.value))
  $("history").tBodies[0].replaceChildren(...runs.map(run => {
    const box = document.createElement("input")
    box.type = "checkbox"; box.value = run.id; box.checked = ticked.has(run.id)
    box.setAttribute("aria-label", `Compare run ${run.id}`)
    box.addEventListener("change", compareable)
    const sum = run.summary, saved = sum.before_bytes ? percent(100 * (1 - sum.after_bytes / sum.before_bytes)) : ""
    const actions = document.createElement("span")
    if (run.state !== "running" && run.state !== "queued") actions.append(button("Delete", () => remove(run.id), `Delete run ${run.id}`))
    return row([box, button(run.id, () => show(run.id)), run.state, `${sum.cases}`, `${sum.failures}`, saved, `${run.seconds.toFixed(0)} s`, actions])
  }))
  compareable()
  return runs
}
function compareable() { $("compare").disabled = document.querySelectorAll("#history input:checked").length !== 2 }

async function remove(id) {
  await ask(`/api/runs/${id}`, { method: "DELETE" })
  if (shown && shown.id === id) clear()
  await history()
}
function clear() {
  shown = null
  $("run-text").textContent = "No run is shown."
  for (const id of ["cells", "cases"]) $(id).tBodies[0].replaceChildren()
  $("health").replaceChildren()
}

$("form").addEventListener("submit", async event => {
  event.preventDefault()
  try {
    const made = await ask("/api/run", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ formats: chosen("formats"), presets: chosen("presets"), groups: chosen("groups") }),
    })
    await history()
    follow(made.run_id)
  } catch (error) { $("progress").hidden = false; $("status").textContent = error.message }
})
$("cancel").addEventListener("click", () => shown && ask(`/api/run/${shown.id}/cancel`, { method: "POST" }).catch(error => { $("status").textContent = error.message }))

function follow(id) {
  if (source) source.close()
  clear()
  shown = { id, results: [] }
  began = performance.now(); doneAtStart = null
  $("progress").hidden = false; $("cancel").hidden = false
  $("status").textContent = "The run begins."
  source = new EventSource(`/api/run/${id}/stream`)
  source.addEventListener("state", event => {
    const facts = JSON.parse(event.data)
    if (facts.state === "queued") $("status").textContent = "The run waits for the one before it."
    progress(facts.done, facts.cases)
  })
  source.addEventListener("result", event => {
    const facts = JSON.parse(event.data)
    shown.results.push(facts.result)
    $("cases").tBodies[0].append(caseRow(facts.result, shown.results.length - 1))
    progress(facts.done, facts.cases)
  })
  source.addEventListener("end", async event => {
    const facts = JSON.parse(event.data)
    source.close(); source = null
    $("cancel").hidden = true
    $("status").textContent = `The run is ${facts.state}: ${facts.summary.cases} cases in ${facts.seconds.toFixed(0)} s, ${facts.summary.failures} failures.`
    await history(); await show(id)
  })
}
function progress(done, cases) {
  $("bar").max = cases || 1; $("bar").value = done
  if (doneAtStart === null) { doneAtStart = done; return }
  const rate = (done - doneAtStart) / ((performance.now() - began) / 1000)
  const left = rate > 0 ? `, ${rate.toFixed(1)} cases a second, about ${Math.ceil((cases - done) / rate)} s left` : ""
  if (done) $("status").textContent = `${done} of ${cases} cases${left}`
}

function caseRow(result, number) {
  if (result.error) {
    const made = row([result.name, bytes(result.before_bytes), "", "", "", "", "", result.error])
    made.className = "bad"
    return made
  }
  const kept = Object.entries(result.promises).filter(([, value]) => !value).map(([name]) => name)
  const made = row([
    button(result.name, () => view(result, number), `Look at ${result.name}`), bytes(result.before_bytes), bytes(result.after_bytes), percent(result.reduction_percent),
    result.score === null ? "" : result.score.toFixed(1), result.estimate_error.toFixed(2), result.wall_seconds.toFixed(2),
    result.method + (kept.length ? ` (broken: ${kept.join(", ")})` : ""),
  ])
  if (kept.length) made.className = "bad"
  return made
}

async function show(id) {
  const run = await ask(`/api/runs/${id}`)
  shown = run
  $("run-text").textContent = `Run ${run.id} of ${run.started_at}, ${run.state}: ${run.summary.cases} cases in ${run.seconds.toFixed(0)} s, ${run.summary.failures} failures, ${run.summary.promises_broken} broken promises. pixlean ${run.version}, ${run.machine}.`
  $("health").replaceChildren(...Object.entries(run.summary.health).map(([name, found]) => {
    const made = document.createElement("li"), verdict = document.createElement("span")
    made.className = found.verdict
    verdict.className = "verdict"; verdict.textContent = found.verdict
    made.append(`${name} `, verdict, document.createElement("br"), found.why)
    return made
  }))
  $("cells").tBodies[0].replaceChildren(...run.summary.cells.map(cell => row([
    cell.format, cell.preset, `${cell.cases}`, percent(cell.average_percent), `${cell.least_percent} to ${cell.most_percent} %`,
    cell.estimate_error.toFixed(2), cell.score === null ? "" : cell.score.toFixed(1), cell.wall_seconds.toFixed(2), cell.methods.join(", "),
  ])))
  $("cases").tBodies[0].replaceChildren(...run.results.map(caseRow))
}

$("compare").addEventListener("click", async () => {
  const [newer, older] = [...document.querySelectorAll("#history input:checked")].map(box => box.value)
  const { first, second, change } = await ask(`/api/compare/${older}/${newer}`)
  $("comparison").hidden = false
  $("comparison-text").textContent = `${older} and ${newer}: ${change.cases} cases in both, bytes ${change.bytes_percent >= 0 ? "+" : ""}${change.bytes_percent.toFixed(2)} %, CPU time x${change.time_ratio.toFixed(2)}, ${change.regressions.length} regressions.`
  const head = document.createElement("tr")
  for (const name of ["Format", "Preset", `Saved in ${older}`, `Saved in ${newer}`, "Score before", "Score after", "Seconds before", "Seconds after"]) {
    const cell = document.createElement("th"); cell.scope = "col"; cell.textContent = name; head.append(cell)
  }
  $("side-by-side").tHead.replaceChildren(head)
  const cells = new Map(first.summary.cells.map(cell => [cell.format + cell.preset, cell]))
  $("side-by-side").tBodies[0].replaceChildren(...second.summary.cells.map(cell => {
    const before = cells.get(cell.format + cell.preset)
    const score = each => each && each.score !== null ? each.score.toFixed(1) : ""
    return row([cell.format, cell.preset, before ? percent(before.average_percent) : "", percent(cell.average_percent), score(before), score(cell), before ? before.wall_seconds.toFixed(2) : "", cell.wall_seconds.toFixed(2)])
  }))
  $("regressions").replaceChildren(...change.regressions.map(text => { const item = document.createElement("li"); item.textContent = text; return item }))
  $("comparison").scrollIntoView({ block: "start" })
})

function view(result, number) {
  $("viewer-title").textContent = result.name
  $("viewer-text").textContent = `${bytes(result.before_bytes)} bytes, then ${bytes(result.after_bytes)} (${percent(result.reduction_percent)} smaller), ${result.method}${result.score === null ? "" : `, score ${result.score.toFixed(1)}`}`
  for (const [id, side] of [["before", "original"], ["after", "result"]]) $(id).src = `/api/runs/${shown.id}/cases/${number}/${side}`
  $("zoom").value = "fit"; $("slide").value = 50
  zoom(); slide()
  $("viewer").showModal()
}
function slide() { $("canvas").style.setProperty("--at", $("slide").value + "%") }
function zoom() {
  const picture = $("before"), wide = picture.naturalWidth || 1, high = picture.naturalHeight || 1
  const room = Math.min((($("stage").clientWidth || 600)) / wide, (window.innerHeight * 0.6) / high)
  const factor = $("zoom").value === "fit" ? Math.min(1, room) : +$("zoom").value
  picture.style.width = wide * factor + "px"; picture.style.height = high * factor + "px"
  $("canvas").classList.toggle("large", factor > 1)
}
$("before").addEventListener("load", zoom)
$("slide").addEventListener("input", slide)
$("zoom").addEventListener("change", zoom)
$("close").addEventListener("click", () => $("viewer").close())
begin().catch(error => { $("corpus").textContent = error.message })
