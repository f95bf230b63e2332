import type { FieldError } from "@/api/problem";
import type { FlowBody, FlowNode } from "@/api/types";

/** What the editor finds by itself; the server judges in the end. */
export type Finding = { place: string; what: "leads" | "unreachable" | "missing" };

/** The exits by name, as the server's problems call them. */
export function exitsOf(node: FlowNode): [string, string][] {
  switch (node.type) {
    case "play":
    case "set":
    case "category":
    case "self_served":
    case "voicemail":
      return [["next", node.next]];
    case "callback":
      return [
        ["next", node.next],
        ["invalid", node.invalid],
      ];
    case "digits":
      return [
        ["next", node.next],
        ["no_input", node.no_input],
      ];
    case "hours":
      return [
        ["open", node.open],
        ["closed", node.closed],
        ...(node.holiday ? [["holiday", node.holiday] as [string, string]] : []),
      ];
    case "condition":
      return [
        ...(node.cases ?? []).map(({ next }, i): [string, string] => [`cases[${i}].next`, next]),
        ["otherwise", node.otherwise],
      ];
    case "http":
      return [
        ["next", node.next],
        ["failed", node.failed],
      ];
    case "menu":
      return [
        ...Object.entries(node.choices ?? {}).map(([key, to]): [string, string] => [`choices.${key}`, to]),
        ["no_input", node.no_input],
        ["no_match", node.no_match],
      ];
    case "queue":
      return [
        ["overflow", node.overflow],
        ...Object.entries(node.overflow_by ?? {}).map(([why, to]): [string, string] => [`overflow_by.${why}`, to]),
      ];
    default:
      return [];
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Problems of a document that is JSON, each with its place. */
export function check(document: unknown): Finding[] {
  if (!isObject(document)) return [{ place: "nodes", what: "missing" }];
  const missing = ["name", "language", "start", "nodes"].filter((field) => !document[field]);
  const { nodes, start } = document;
  if (missing.length > 0 || !isObject(nodes)) return missing.map((place) => ({ place, what: "missing" }));
  const flow = nodes as FlowBody["nodes"];
  const findings: Finding[] = [];
  if (typeof start !== "string" || !(start in flow)) findings.push({ place: "start", what: "leads" });
  for (const [id, node] of Object.entries(flow)) {
    if (!isObject(node)) continue;
    for (const [exit, to] of exitsOf(node)) {
      if (!to) findings.push({ place: `nodes.${id}.${exit}`, what: "missing" });
      else if (!(to in flow)) findings.push({ place: `nodes.${id}.${exit}`, what: "leads" });
    }
  }
  const seen = reached(flow, String(start));
  for (const id of Object.keys(flow)) {
    if (!seen.has(id)) findings.push({ place: `nodes.${id}`, what: "unreachable" });
  }
  return findings;
}

function reached(nodes: FlowBody["nodes"], start: string) {
  const seen = new Set<string>();
  const open = [start];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const node = nodes[id];
    if (!node || seen.has(id)) continue;
    seen.add(id);
    open.push(...exitsOf(node).map(([, to]) => to));
  }
  return seen;
}

/** The step that a problem is about: `nodes.menu.choices.1` → `menu`. */
export const stepOf = (problem: Pick<FieldError, "place">) => /^nodes\.([^.]+)/.exec(problem.place)?.[1];
