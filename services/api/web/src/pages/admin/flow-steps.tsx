import clsx from "clsx";
import { ArrowRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNames } from "@/api/queries";
import type { FlowBody, FlowNode, Say } from "@/api/types";
import { Badge, type Tone } from "@/components/ui";
import { exitsOf } from "./flow-check";

const TONES: Record<FlowNode["type"], Tone> = {
  play: "info",
  menu: "note",
  digits: "note",
  hours: "neutral",
  condition: "neutral",
  set: "neutral",
  http: "accent",
  category: "neutral",
  self_served: "ok",
  queue: "warn",
  callback: "ok",
  voicemail: "ok",
  hangup: "neutral",
};
const isKind = (type: string): type is FlowNode["type"] => type in TONES;

/** The flow step by step, the first one first; those with problems are marked. */
export function StepList({ flow, marked }: { flow: FlowBody; marked: Set<string | undefined> }) {
  const { t } = useTranslation();
  const names = useNames();
  const nodes = Object.entries(flow.nodes ?? {}).filter(([, node]) => typeof node === "object" && node !== null);
  const first = nodes.toSorted(([a], [b]) => Number(b === flow.start) - Number(a === flow.start));
  return (
    <ol className="flex flex-col gap-2">
      {first.map(([id, node]) => (
        <li
          key={id}
          className={clsx("rounded-md border p-3 text-sm", marked.has(id) ? "border-bad" : "border-line")}
        >
          <p className="flex flex-wrap items-center gap-2">
            <Badge tone={isKind(node.type) ? TONES[node.type] : "bad"}>
              {isKind(node.type) ? t(`flows.kind.${node.type}`) : String(node.type)}
            </Badge>
            <span className="font-medium">{"label" in node ? node.label : id}</span>
            <code className="font-mono text-xs text-muted">{id}</code>
            {id === flow.start && <Badge tone="ok">{t("flows.start")}</Badge>}
          </p>
          <Said node={node} />
          <Does node={node} />
          {"queue" in node && node.queue && (
            <p className="mt-1 text-muted">
              {t("fact.queue")}: {names.queue(node.queue)}
            </p>
          )}
          <ul className="mt-1.5 flex flex-wrap gap-x-4 gap-y-1 text-xs">
            {exitsOf(node).map(([exit, to]) => (
              <li key={exit} className="flex items-center gap-1">
                <span className="text-muted">{exit.replace("choices.", "")}</span>
                <ArrowRight aria-hidden className="size-3 text-muted" />
                <code className="font-mono">{to}</code>
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ol>
  );
}

/** What a step that says nothing goes by. */
function Does({ node }: { node: FlowNode }) {
  const text = doing(node);
  if (text.length === 0) return null;
  return (
    <ul className="mt-1 text-muted">
      {text.map((line) => (
        <li key={line}>
          <code className="font-mono text-xs break-all">{line}</code>
        </li>
      ))}
    </ul>
  );
}

function doing(node: FlowNode): string[] {
  switch (node.type) {
    case "hours":
      return [
        node.time_zone,
        ...(node.weekly ?? []).map(({ days, from, to }) => `${(days ?? []).join(", ")} ${from}–${to}`),
        ...(node.holidays ?? []).map(({ date, name }) => `${date} ${name ?? ""}`.trim()),
      ];
    case "condition":
      return (node.cases ?? []).map(({ variable, test, value }) => `${variable} ${test} ${value ?? ""}`.trim());
    case "set":
      return Object.entries(node.values ?? {}).map(([name, value]) => `${name} = ${value}`);
    case "http":
      return [
        `${(node.method ?? "get").toUpperCase()} ${node.url}`,
        ...Object.entries(node.variables ?? {}).map(([name, place]) => `${name} ← ${place}`),
      ];
    case "digits":
      return [node.variable];
    case "callback":
      return [node.number ?? "{caller}"];
    case "queue":
      return (node.skills ?? []).map(({ name, level }) => `${name} ≥ ${level}`);
    default:
      return [];
  }
}

function Said({ node }: { node: FlowNode }) {
  const { t } = useTranslation();
  const said: Say[] = node.type === "queue" ? (node.welcome ?? []) : "say" in node ? (node.say ?? []) : [];
  if (!Array.isArray(said) || said.length === 0) return null;
  const text = said.map((one) => ("text" in one ? `“${one.text}”` : `${t("flows.prompt")} ${one.prompt}`));
  return (
    <p className="mt-1 text-muted">
      {t("flows.says")}: {text.join(" ")}
    </p>
  );
}
