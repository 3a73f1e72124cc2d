// What an operator looks at: the server's counters, as /metrics tells them, and its keys.
import { json, send } from "./ask"

export interface Used {
  month: string
  api: string
  unit: string
  used: number
  included: number | null
  overage_cost_usd: number
  name?: string
}

export interface Own {
  key: { id: string; name: string; plan: string }
  usage: Used[]
}

export interface KeyRow {
  id: string
  name: string
  plan: string
  hint: string
  created_at: number
  last_used_at: number | null
  revoked_at: number | null
}

export interface Admin {
  keys: KeyRow[]
  usage: Used[]
}

export interface Counters {
  requests: number
  errors: number
  bytesIn: number
  bytesOut: number
  queue: number
  children: number
  died: number
  jobs: number
}

export const ownUsage = (key: string) => json<Own>("account/usage", key)
export const adminView = (key: string) => json<Admin>("admin/keys", key)
export const createKey = (key: string, name: string, plan: string) =>
  json<{ id: string; key: string }>("admin/keys", key, "POST", { name, plan })
export const revokeKey = (key: string, id: string) => send(`admin/keys/${encodeURIComponent(id)}`, key, "DELETE")

/** The numbers of one moment. Throws where the server does not answer. */
export async function counters(): Promise<Counters> {
  const lines = (await (await fetch("metrics")).text()).split("\n")
  const sum = (name: string, wanted = "") =>
    lines
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(wanted))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)
  return {
    requests: sum("pixlean_requests_total"),
    errors: sum("pixlean_requests_total", 'status="5'),
    bytesIn: sum("pixlean_bytes_in_total"),
    bytesOut: sum("pixlean_bytes_out_total"),
    queue: sum("pixlean_queue_depth"),
    children: sum("pixlean_children_waiting"),
    died: sum("pixlean_children_died_total"),
    jobs: sum("pixlean_jobs_waiting"),
  }
}
