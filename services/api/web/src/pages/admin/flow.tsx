import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { type FieldError, Problem } from "@/api/problem";
import { useMay, useMe, useSave } from "@/api/queries";
import type { Flow, FlowBody, List } from "@/api/types";
import { sentence, useProblemText } from "@/api/words";
import { Badge, Button, Card, Loaded, Notice, Page, Tabs, TextArea, toast } from "@/components/ui";
import { dateTime } from "@/format/format";
import { check, stepOf } from "./flow-check";
import { StepList } from "./flow-steps";

type Version = { actor: string; at_ms: number; document: Flow };

const written = (flow: Flow) => {
  const { id: _id, version: _version, ...body } = flow;
  return JSON.stringify(body, null, 2);
};

export function FlowPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/shell/flows/$id" });
  const flow = useQuery({
    queryKey: ["flows", id],
    queryFn: () => get<Flow>(`/flows/${encodeURIComponent(id)}`),
  });
  const back = (
    <Button asChild>
      <Link to="/flows">{t("flows.back")}</Link>
    </Button>
  );
  return (
    <Page title={flow.data?.name ?? t("nav.flows")} actions={back}>
      <Loaded query={flow}>{(found) => <Editor key={found.id} flow={found} />}</Loaded>
    </Page>
  );
}

type Parsed = { body: FlowBody } | { error: string };

function parse(text: string): Parsed {
  try {
    return { body: JSON.parse(text) as FlowBody };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function Editor({ flow }: { flow: Flow }) {
  const { t } = useTranslation();
  const may = useMay()("config:write");
  const words = useProblemText();
  const client = useQueryClient();
  const save = useSave<Flow>("flows");
  const [text, setText] = useState(() => written(flow));
  const [refused, setRefused] = useState<FieldError[]>([]);
  const parsed = useMemo(() => parse(text), [text]);
  const found = useMemo(() => ("body" in parsed ? check(parsed.body) : []), [parsed]);
  const problems: FieldError[] = [
    ...found.map(({ place, what }) => ({ place, message: t(`flows.${what}`) })),
    // What the server said about the last version that it saw.
    ...refused.filter(({ place }) => !found.some((one) => one.place === place)),
  ];
  const type = (next: string) => {
    setText(next);
    setRefused([]);
  };
  const submit = () => {
    if (!("body" in parsed)) return;
    save.mutate(
      { id: flow.id, version: flow.version, body: parsed.body },
      {
        onSuccess: async (saved) => {
          toast("ok", t("common.saved"));
          setRefused([]);
          setText(written(saved));
          client.setQueryData(["flows", flow.id], saved);
        },
        onError: (error) => {
          if (error instanceof Problem) setRefused(error.errors);
          toast("bad", words(error));
        },
      },
    );
  };
  const steps = <Problems problems={problems} broken={"error" in parsed ? parsed.error : null} />;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card
        title={t("flows.document")}
        actions={
          may && (
            <>
              <Button size="sm" disabled={text === written(flow)} onClick={() => type(written(flow))}>
                {t("flows.revert")}
              </Button>
              <Button
                size="sm"
                look="primary"
                busy={save.isPending}
                disabled={"error" in parsed}
                onClick={submit}
                data-testid="flow-save"
              >
                {t("common.save")}
              </Button>
            </>
          )
        }
      >
        <TextArea
          value={text}
          spellCheck={false}
          readOnly={!may}
          aria-label={t("flows.document")}
          aria-describedby="document-hint"
          onChange={(event) => type(event.target.value)}
          className="min-h-[28rem] font-mono !text-xs whitespace-pre"
          data-testid="flow-document"
        />
        <p id="document-hint" className="mt-1 text-xs text-muted">
          {t("flows.documentHint")}
        </p>
      </Card>
      <Card>
        <Tabs
          label={t("nav.flows")}
          tabs={[
            {
              id: "steps",
              label: t("flows.steps"),
              panel: (
                <div className="flex flex-col gap-4">
                  {steps}
                  {"body" in parsed && <StepList flow={parsed.body} marked={new Set(problems.map(stepOf))} />}
                </div>
              ),
            },
            {
              id: "versions",
              label: t("flows.versions"),
              panel: <Versions flow={flow} onLoad={(version) => type(written(version))} />,
            },
          ]}
        />
      </Card>
    </div>
  );
}

function Problems({ problems, broken }: { problems: FieldError[]; broken: string | null }) {
  const { t } = useTranslation();
  if (broken !== null) return <Notice tone="bad">{t("flows.notJson", { message: broken })}</Notice>;
  if (problems.length === 0) return <Notice tone="ok">{t("flows.noProblems")}</Notice>;
  return (
    <Notice tone="bad" testId="flow-problems">
      <p className="font-medium">{t("flows.problems", { count: problems.length })}</p>
      <ul className="mt-1 flex flex-col gap-0.5">
        {problems.map(({ place, message }) => (
          <li key={`${place} ${message}`}>
            <code className="font-mono text-xs">{place}</code> {message}
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function Versions({ flow, onLoad }: { flow: Flow; onLoad: (version: Flow) => void }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const versions = useQuery({
    queryKey: ["flows", flow.id, "versions", flow.version],
    queryFn: () => get<List<Version>>(`/flows/${flow.id}/versions?limit=200`),
  });
  return (
    <Loaded query={versions}>
      {({ items }) => (
        <ul className="divide-y divide-line text-sm">
          {items.map(({ document, at_ms: at }) => (
            <li key={document.version} className="flex flex-wrap items-center gap-3 py-2">
              <Badge tone={document.version === flow.version ? "accent" : "neutral"}>
                {t("flows.version", { version: document.version })}
              </Badge>
              <span className="grow text-muted">{dateTime(at, i18n.language, me.time_zone)}</span>
              <Button size="sm" onClick={() => onLoad(document)} aria-label={`${t("flows.load")}: ${document.version}`}>
                {sentence(t("flows.load"))}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Loaded>
  );
}
