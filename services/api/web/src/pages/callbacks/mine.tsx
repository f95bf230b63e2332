import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Phone } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { documents } from "@/api/queries";
import type { Callback, Named } from "@/api/types";
import { useProblemText } from "@/api/words";
import { Badge, Button, Card, Field, Input, Notice, Select, toast } from "@/components/ui";
import { useDesk } from "@/desk/desk";
import { currentLeg } from "@/desk/view";
import { useDeeds, useMine } from "./queries";
import { Caller, Message } from "./tasks";

/** The callbacks that one has taken: to call, and to say what came of it. */
export function MyCallbacks() {
  const { t } = useTranslation();
  const mine = useMine().data?.items ?? [];
  if (mine.length === 0) return null;
  return (
    <Card title={t("callbacks.mine")} data-testid="my-callbacks">
      <ul className="divide-y divide-line">
        {mine.map((task) => (
          <Mine key={task.id} task={task} />
        ))}
      </ul>
    </Card>
  );
}

function Mine({ task }: { task: Callback }) {
  const { t } = useTranslation();
  const { call, release } = useDeeds();
  const talks = currentLeg(useDesk()) !== undefined;
  const open = task.state !== "closed";
  return (
    <li className="flex flex-col gap-3 py-3 first:pt-0 last:pb-0" data-testid="my-callback">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <span className="min-w-40 grow text-lg font-semibold">
          <Caller of={task} />
        </span>
        {task.message && <Message task={task} />}
        <Badge>{t("callbacks.missed", { count: task.missed })}</Badge>
        {task.closed_how && <Badge tone="ok">{t(`callbacks.how.${task.closed_how}`)}</Badge>}
        {open && !talks && (
          <span className="flex flex-wrap gap-2">
            <Button size="sm" look="primary" busy={call.isPending} onClick={() => call.mutate(task)} data-testid="callback-again">
              <Phone aria-hidden className="size-3.5" />
              {t(task.attempts > 0 ? "callbacks.callAgain" : "callbacks.call")}
            </Button>
            <Button size="sm" busy={release.isPending} onClick={() => release.mutate(task)} data-testid="callback-release">
              {t("callbacks.release")}
            </Button>
          </span>
        )}
      </div>
      <OutcomeForm task={task} />
    </li>
  );
}

function OutcomeForm({ task }: { task: Callback }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const words = useProblemText();
  const dispositions = useQuery(documents<Named>("dispositions"));
  const [disposition, setDisposition] = useState("");
  const [note, setNote] = useState("");
  const save = useMutation({
    mutationFn: (way: "outcome" | "close") => post(`/callbacks/${task.id}/${way}`, { disposition, note }),
    onSuccess: () => toast("ok", t("callbacks.saved")),
    onSettled: () => client.invalidateQueries({ queryKey: ["callbacks"] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(task.attempts > 0 ? "outcome" : "close");
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label={t("callbacks.outcome")}>
          <Select
            value={disposition}
            onChange={(event) => setDisposition(event.target.value)}
            data-testid="callback-disposition"
          >
            <option value="">{t("desk.chooseDisposition")}</option>
            {dispositions.data?.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </Select>
        </Field>
        <Field label={t("callbacks.note")}>
          <Input value={note} maxLength={4_000} onChange={(event) => setNote(event.target.value)} />
        </Field>
      </div>
      {save.error && <Notice tone="bad">{words(save.error)}</Notice>}
      <div className="flex justify-end">
        <Button type="submit" size="sm" disabled={!disposition} busy={save.isPending} data-testid="callback-save">
          {t(task.attempts > 0 ? "callbacks.save" : "callbacks.close")}
        </Button>
      </div>
    </form>
  );
}
