import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/api/queries";
import { Dialog, Input } from "@/components/ui";
import { type Command, useDeskCommands } from "@/desk/commands";
import { SETTINGS, WORK, seen } from "./navigation";

/** Every page and every action by its name: Ctrl+K or Cmd+K. */
export default function Palette() {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const pressed = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setOpen((before) => !before);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  return (
    <Dialog open={open} onClose={() => setOpen(false)} title={t("palette.title")}>
      {open && <Choice onDone={() => setOpen(false)} />}
    </Dialog>
  );
}

function usePages(): Command[] {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { permissions } = useMe();
  return [...seen(WORK, permissions), ...seen(SETTINGS, permissions)].map(({ to, label }) => ({
    id: to,
    name: t(`nav.${label}`),
    run: () => void navigate({ to }),
  }));
}

function Choice({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const pages = usePages();
  const actions = useDeskCommands();
  const [search, setSearch] = useState("");
  const [at, setAt] = useState(0);
  const found = useMemo(() => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    return [...actions, ...pages].filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
  }, [actions, pages, search]);
  const run = (command?: Command) => {
    if (!command) return;
    onDone();
    command.run();
  };
  const pressed = (event: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    const by = moves[event.key];
    if (by !== undefined) setAt((at + by + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") run(found[at]);
    else return;
    event.preventDefault();
  };
  return (
    <div className="flex flex-col gap-2">
      <Input
        role="combobox"
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={found[at] ? `palette-${at}` : undefined}
        aria-label={t("palette.search")}
        placeholder={t("palette.search")}
        value={search}
        data-testid="palette-search"
        onKeyDown={pressed}
        onChange={(event) => {
          setSearch(event.target.value);
          setAt(0);
        }}
      />
      <div id="palette-list" role="listbox" aria-label={t("palette.title")} className="max-h-[55dvh] overflow-y-auto">
        {found.map((command, index) => (
          // The field above takes the keys for all of them.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={command.id}
            id={`palette-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            data-testid="palette-item"
            onClick={() => run(command)}
            className="flex cursor-pointer items-center justify-between gap-3 rounded-md px-2.5 py-1.5 text-sm hover:bg-sunken aria-selected:bg-accent-soft aria-selected:text-accent"
          >
            {command.name}
            {command.key && <kbd className="font-mono text-xs text-muted">{command.key}</kbd>}
          </div>
        ))}
      </div>
    </div>
  );
}
