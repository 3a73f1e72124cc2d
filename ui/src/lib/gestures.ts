// Mouse, touch and keys on a stage become moves of a view.
import type { Action } from "svelte/action"
import type { View } from "./view.svelte"

const STEP_PX = 48
const ZOOM_STEP = 1.25

/** Drag pans, two fingers and the wheel zoom, arrows and + - 0 1 do the same without a mouse. */
export const gestures: Action<HTMLElement, View> = (stage, view) => {
  const fingers = new Map<number, { x: number; y: number }>()
  const resized = new ResizeObserver(() => view.setStage(stage.clientWidth, stage.clientHeight))
  resized.observe(stage)

  function at(event: MouseEvent): { x: number; y: number } {
    const box = stage.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }

  function down(event: PointerEvent): void {
    if (event.button !== 0) return
    stage.setPointerCapture(event.pointerId)
    fingers.set(event.pointerId, at(event))
  }

  function move(event: PointerEvent): void {
    const before = fingers.get(event.pointerId)
    if (!before) return
    const now = at(event)
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1]
    if (other) view.zoom(distance(now, other) / Math.max(1, distance(before, other)), other.x, other.y)
    else view.pan(now.x - before.x, now.y - before.y)
    fingers.set(event.pointerId, now)
  }

  function up(event: PointerEvent): void {
    fingers.delete(event.pointerId)
  }

  function wheel(event: WheelEvent): void {
    event.preventDefault()
    const { x, y } = at(event)
    view.zoom(Math.exp(-event.deltaY / 400), x, y)
  }

  function key(event: KeyboardEvent): void {
    const moves: Record<string, () => void> = {
      ArrowLeft: () => view.pan(STEP_PX, 0),
      ArrowRight: () => view.pan(-STEP_PX, 0),
      ArrowUp: () => view.pan(0, STEP_PX),
      ArrowDown: () => view.pan(0, -STEP_PX),
      "+": () => view.zoom(ZOOM_STEP),
      "=": () => view.zoom(ZOOM_STEP),
      "-": () => view.zoom(1 / ZOOM_STEP),
      "0": () => view.fit(),
      "1": () => view.actual(),
    }
    const does = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key]
    if (!does) return
    event.preventDefault()
    does()
  }

  stage.addEventListener("pointerdown", down)
  stage.addEventListener("pointermove", move)
  stage.addEventListener("pointerup", up)
  stage.addEventListener("pointercancel", up)
  stage.addEventListener("wheel", wheel, { passive: false })
  stage.addEventListener("keydown", key)
  // The listeners go with their element.
  return { destroy: () => resized.disconnect() }
}

function distance(one: { x: number; y: number }, other: { x: number; y: number }): number {
  return Math.hypot(one.x - other.x, one.y - other.y)
}
