import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { documents } from "@/api/queries";
import type { Named, SkillLevel } from "@/api/types";
import { Badge, Button, Input, Select } from "@/components/ui";

type Props = { label: string; value: SkillLevel[]; onChange: (value: SkillLevel[]) => void; error?: string };

/** Skills with a level from 1 to 10 each. */
export function SkillLevels({ label, value, onChange, error }: Props) {
  const { t } = useTranslation();
  const skills = useQuery(documents<Named>("skills"));
  const left = (skills.data ?? []).filter((skill) => !value.some((one) => one.name === skill.name));
  const set = (name: string, level: number) =>
    onChange(value.map((one) => (one.name === name ? { ...one, level } : one)));
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">{label}</legend>
      {value.map((one) => (
        <div key={one.name} className="flex items-center gap-2 text-sm">
          <span className="min-w-0 grow truncate">{one.name}</span>
          <Input
            type="number"
            min={1}
            max={10}
            value={one.level}
            aria-label={t("skills.levelOf", { name: one.name })}
            onChange={(event) => set(one.name, Number(event.target.value))}
            className="!w-20"
          />
          <Button
            look="quiet"
            size="sm"
            icon
            aria-label={`${t("common.remove")}: ${one.name}`}
            onClick={() => onChange(value.filter((other) => other.name !== one.name))}
          >
            <X aria-hidden className="size-4" />
          </Button>
        </div>
      ))}
      {left.length > 0 && (
        <Select
          aria-label={t("skills.addSkill")}
          value=""
          onChange={(event) => onChange([...value, { name: event.target.value, level: 1 }])}
        >
          <option value="" disabled>
            {t("skills.addSkill")}
          </option>
          {left.map((skill) => (
            <option key={skill.id} value={skill.name}>
              {skill.name}
            </option>
          ))}
        </Select>
      )}
      {error && (
        <p role="alert" className="text-xs font-medium text-bad">
          {error}
        </p>
      )}
    </fieldset>
  );
}

/** The same to read. */
export function SkillBadges({ skills }: { skills: SkillLevel[] }) {
  return (
    <span className="flex flex-wrap gap-1">
      {skills.map((skill) => (
        <Badge key={skill.name}>
          {skill.name} {skill.level}
        </Badge>
      ))}
    </span>
  );
}
