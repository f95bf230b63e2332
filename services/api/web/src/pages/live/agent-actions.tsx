import { useMutation, useQuery } from "@tanstack/react-query";
import { Ellipsis } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { documents, queryClient } from "@/api/queries";
import type { LiveAgent } from "@/api/figures";
import type { Agent, SkillLevel } from "@/api/types";
import { useProblemText } from "@/api/words";
import { Button, Dialog, Field, Menu, MenuItem, MenuLabel, MenuLine, TextArea, toast } from "@/components/ui";
import { desk } from "@/desk/desk";
import { SUPERVISIONS } from "@/desk/messages";
import { REASONS } from "@/desk/words";
import { SkillLevels } from "../admin/skill-levels";
import { LoanForm } from "./loan-form";

type Open = "message" | "skills" | "loan" | null;

type Props = { agent: string; name: string; call: string | null; loan: LiveAgent["loan"] };

/** What a supervisor can do to an agent, from the row. */
export function AgentActions({ agent, name, call, loan }: Props) {
  const { t } = useTranslation();
  const words = useProblemText();
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const state = useMutation({
    mutationFn: (body: { state: string; reason?: string }) => request("PUT", `/agents/${agent}/state`, { body }),
    onError: (error) => toast("bad", words(error)),
  });
  const back = useMutation({
    mutationFn: (id: string) => request("DELETE", `/loans/${id}`),
    onError: (error) => toast("bad", words(error)),
  });
  const trigger = (
    <Button look="quiet" size="sm" icon aria-label={t("supervise.actions", { name })} data-testid="agent-actions">
      <Ellipsis aria-hidden className="size-4" />
    </Button>
  );
  const titles = {
    message: t("supervise.messageTo", { name }),
    skills: t("supervise.skillsOf", { name }),
    loan: t("loan.lendTitle", { name }),
  };
  return (
    <>
      <Menu trigger={trigger}>
        <MenuItem onSelect={() => setOpen("message")}>
          <span data-testid="supervise-message">{t("supervise.message")}</span>
        </MenuItem>
        <MenuItem onSelect={() => setOpen("skills")}>
          <span data-testid="supervise-skills">{t("supervise.skills")}</span>
        </MenuItem>
        {loan ? (
          <MenuItem onSelect={() => back.mutate(loan.id)}>
            <span data-testid="loan-end">{t("loan.end")}</span>
          </MenuItem>
        ) : (
          <MenuItem onSelect={() => setOpen("loan")}>
            <span data-testid="loan-lend">{t("loan.lend")}</span>
          </MenuItem>
        )}
        {call && (
          <>
            <MenuLine />
            <MenuLabel>{t("supervise.how")}</MenuLabel>
            {SUPERVISIONS.map((how) => (
              <MenuItem key={how} onSelect={() => desk.superviseCall(call, how)}>
                <span data-testid={`supervise-${how}`}>{t(`supervise.${how}`)}</span>
              </MenuItem>
            ))}
          </>
        )}
        <MenuLine />
        <MenuLabel>{t("supervise.state")}</MenuLabel>
        <MenuItem onSelect={() => state.mutate({ state: "available" })}>
          <span data-testid="supervise-available">{t("state.available")}</span>
        </MenuItem>
        {REASONS.map((reason) => (
          <MenuItem key={reason} onSelect={() => state.mutate({ state: "aux", reason })}>
            <span data-testid={`supervise-${reason}`}>
              {t("state.aux")}: {t(`reason.${reason}`)}
            </span>
          </MenuItem>
        ))}
        <MenuItem onSelect={() => state.mutate({ state: "offline" })}>
          <span data-testid="supervise-offline">{t("state.offline")}</span>
        </MenuItem>
      </Menu>
      <Dialog
        open={open !== null}
        onClose={close}
        title={open ? titles[open] : ""}
      >
        {open === "message" && <Message agent={agent} onDone={close} />}
        {open === "skills" && <Skills agent={agent} onDone={close} />}
        {open === "loan" && <LoanForm agent={agent} onDone={close} />}
      </Dialog>
    </>
  );
}

type FormProps = { agent: string; onDone: () => void };

function Message({ agent, onDone }: FormProps) {
  const { t } = useTranslation();
  const words = useProblemText();
  const [text, setText] = useState("");
  const send = useMutation({
    mutationFn: () => request("POST", `/agents/${agent}/messages`, { body: { text } }),
    onSuccess: onDone,
    onError: (error) => toast("bad", words(error)),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <Field label={t("supervise.text")}>
        <TextArea
          value={text}
          maxLength={900}
          onChange={(event) => setText(event.target.value)}
          data-testid="supervise-text"
        />
      </Field>
      <Button
        type="submit"
        look="primary"
        className="self-end"
        busy={send.isPending}
        disabled={!text.trim()}
        data-testid="supervise-send"
      >
        {t("supervise.send")}
      </Button>
    </form>
  );
}

function Skills({ agent, onDone }: FormProps) {
  const agents = useQuery(documents<Agent>("agents"));
  const known = agents.data?.find((one) => one.id === agent);
  return known ? <SkillForm agent={agent} skills={known.skills} onDone={onDone} /> : null;
}

function SkillForm({ agent, skills, onDone }: FormProps & { skills: SkillLevel[] }) {
  const { t } = useTranslation();
  const words = useProblemText();
  const [value, setValue] = useState(skills);
  const save = useMutation({
    mutationFn: () => request("PUT", `/agents/${agent}/skills`, { body: { skills: value } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["agents"] });
      toast("ok", t("common.saved"));
      onDone();
    },
    onError: (error) => toast("bad", words(error)),
  });
  return (
    <div className="flex flex-col gap-3">
      <SkillLevels label={t("agents.skills")} value={value} onChange={setValue} />
      <Button
        look="primary"
        className="self-end"
        busy={save.isPending}
        onClick={() => save.mutate()}
        data-testid="supervise-save"
      >
        {t("common.save")}
      </Button>
    </div>
  );
}
