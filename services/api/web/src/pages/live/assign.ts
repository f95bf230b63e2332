import type { DragEvent } from "react";
import { request } from "@/api/client";

/** What a row of a waiting caller carries while it is dragged. */
const CARRIED = "application/x-trunkline-call";

export const assign = (call: string, agent: string | null) =>
  request<void>("POST", `/calls/${encodeURIComponent(call)}/assignment`, { body: agent ? { agent } : {} });

/** The row of a caller who waits can be picked up. */
export const carries = (call: string) => ({
  draggable: true,
  onDragStart: (event: DragEvent) => {
    event.dataTransfer.setData(CARRIED, call);
    event.dataTransfer.effectAllowed = "move";
  },
});

/** The row of an agent takes a caller who is dropped on it. */
export const takes = (given: (call: string) => void) => ({
  onDragOver: (event: DragEvent) => {
    if (event.dataTransfer.types.includes(CARRIED)) event.preventDefault();
  },
  onDrop: (event: DragEvent) => {
    const call = event.dataTransfer.getData(CARRIED);
    if (!call) return;
    event.preventDefault();
    given(call);
  },
});
