import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { get, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import { useMay } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Card as ContactCard, Contact } from "@/api/types";
import { Button, Card, Checkbox, EmptyState, Field, Input, Loaded, Notice, Page, PhoneNumber, toast } from "@/components/ui";
import { InteractionList } from "@/components/interactions";

const schema = z.object({ name: required, organisation: z.string(), vip: z.boolean() });

export function ContactPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/shell/contacts/$id" });
  const card = useQuery({
    queryKey: ["contacts", id],
    queryFn: () => get<ContactCard>(`/contacts/${encodeURIComponent(id)}`),
  });
  return (
    <Page title={card.data?.contact?.name || t("fact.contact")}>
      <Loaded query={card}>
        {({ contact, interactions }) => (
          <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,22rem)_minmax(0,1fr)]">
            {contact && <Edit key={contact.id} contact={contact} />}
            <Card title={t("contacts.interactions")}>
              {interactions.length > 0 ? (
                <InteractionList interactions={interactions} />
              ) : (
                <EmptyState title={t("calls.none")} />
              )}
            </Card>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function Edit({ contact }: { contact: Contact }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = !useMay()("contacts:write");
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: contact.name, organisation: contact.organisation ?? "", vip: contact.vip },
    submit: async (values) => {
      await request<Contact>("PATCH", `/contacts/${contact.id}`, { body: values });
      await client.invalidateQueries({ queryKey: ["contacts"] });
      toast("ok", t("common.saved"));
    },
  });
  return (
    <Card title={t("fact.contact")}>
      <form onSubmit={onSubmit} noValidate>
        <fieldset disabled={readOnly} className="flex flex-col gap-3">
          {problem && <Notice tone="bad">{problem}</Notice>}
          <Field label={t("common.name")} error={errorOf("name")} required>
            <Input {...register("name")} />
          </Field>
          <Field label={t("contacts.organisation")} error={errorOf("organisation")}>
            <Input {...register("organisation")} />
          </Field>
          <Checkbox label={t("contacts.vip")} {...register("vip")} />
          <div>
            <p className="text-sm font-medium">{t("contacts.numbers")}</p>
            <ul className="mt-1 text-sm">
              {contact.numbers.map((number) => (
                <li key={number}>
                  <PhoneNumber number={number} />
                </li>
              ))}
            </ul>
          </div>
          {!readOnly && (
            <Button type="submit" look="primary" busy={busy} className="self-end" data-testid="contact-save">
              {t("common.save")}
            </Button>
          )}
        </fieldset>
      </form>
    </Card>
  );
}
