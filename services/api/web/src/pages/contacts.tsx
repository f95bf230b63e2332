import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Star } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { useMe } from "@/api/queries";
import type { Contact, List } from "@/api/types";
import { Badge, Button, Card, type Column, EmptyState, Input, Loaded, Page, PhoneNumber, Table } from "@/components/ui";
import { dateTime } from "@/format/format";

export function ContactsPage() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim());
  const contacts = useInfiniteQuery({
    queryKey: ["contacts", "list", wanted],
    initialPageParam: "",
    placeholderData: keepPreviousData,
    queryFn: ({ pageParam }) => {
      const query = new URLSearchParams({ limit: "50", search: wanted, cursor: pageParam });
      return get<List<Contact>>(`/contacts?${query}`);
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const columns: Column<Contact>[] = [
    {
      head: t("common.name"),
      cell: (contact) => (
        <span className="flex items-center gap-2">
          <Link
            to="/contacts/$id"
            params={{ id: contact.id }}
            className="font-medium underline decoration-line-strong underline-offset-2"
          >
            {contact.name || contact.numbers[0]}
          </Link>
          {contact.vip && (
            <Badge tone="warn">
              <Star aria-hidden className="size-3 fill-current" /> {t("contacts.vip")}
            </Badge>
          )}
        </span>
      ),
    },
    { head: t("contacts.organisation"), cell: (contact) => contact.organisation },
    {
      head: t("contacts.numbers"),
      cell: (contact) => (
        <span className="flex flex-wrap gap-x-3">
          {contact.numbers.map((number) => (
            <PhoneNumber key={number} number={number} />
          ))}
        </span>
      ),
    },
    {
      head: t("contacts.since"),
      cell: (contact) => dateTime(contact.created_at_ms, i18n.language, me.time_zone),
    },
  ];
  const box = (
    <Input
      type="search"
      className="!w-64"
      aria-label={t("common.search")}
      placeholder={t("contacts.searchHint")}
      value={search}
      onChange={(event) => setSearch(event.target.value)}
      data-testid="contact-search"
    />
  );
  return (
    <Page title={t("nav.contacts")} lead={t("contacts.lead")} actions={box}>
      <Card flush>
        <Loaded query={contacts}>
          {({ pages }) => (
            <Table
              caption={t("contacts.caption")}
              columns={columns}
              rows={pages.flatMap((page) => page.items)}
              rowKey={(contact) => contact.id}
              rowTestId="contact-row"
              empty={<EmptyState title={t(wanted ? "contacts.noneFound" : "contacts.none")} />}
            />
          )}
        </Loaded>
      </Card>
      {contacts.hasNextPage && (
        <Button
          className="self-center"
          busy={contacts.isFetchingNextPage}
          onClick={() => contacts.fetchNextPage()}
        >
          {t("common.more")}
        </Button>
      )}
    </Page>
  );
}
