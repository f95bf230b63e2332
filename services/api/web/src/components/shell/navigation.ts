import {
  AudioLines,
  BarChart3,
  BookUser,
  Building2,
  GitFork,
  Headset,
  House,
  KeyRound,
  ListChecks,
  type LucideIcon,
  Network,
  PhoneCall,
  PhoneMissed,
  Radio,
  ScrollText,
  ShieldCheck,
  Sparkles,
  Tags,
  UserCog,
  Users,
  Webhook,
  Waypoints,
  Hash,
  Layers,
  BellRing,
  MonitorPlay,
} from "lucide-react";
import type { Permission } from "@/api/types";
import type en from "@/i18n/en";

type Place = {
  to: string;
  label: keyof typeof en.nav;
  icon: LucideIcon;
  /** Any of these opens it; none: everybody. */
  needs: Permission[];
};

export const WORK: Place[] = [
  { to: "/", label: "home", icon: House, needs: [] },
  { to: "/desk", label: "desk", icon: Headset, needs: ["desk"] },
  { to: "/live", label: "live", icon: Radio, needs: ["live:read"] },
  { to: "/calls", label: "calls", icon: PhoneCall, needs: ["calls:read", "calls:own"] },
  { to: "/callbacks", label: "callbacks", icon: PhoneMissed, needs: ["calls:read", "calls:own"] },
  { to: "/contacts", label: "contacts", icon: BookUser, needs: ["contacts:read"] },
  { to: "/reports", label: "reports", icon: BarChart3, needs: ["reports:read"] },
];

export const SETTINGS: Place[] = [
  { to: "/trunks", label: "trunks", icon: Network, needs: ["config:read"] },
  { to: "/numbers", label: "numbers", icon: Hash, needs: ["config:read"] },
  { to: "/flows", label: "flows", icon: Waypoints, needs: ["config:read"] },
  { to: "/queues", label: "queues", icon: Layers, needs: ["config:read"] },
  { to: "/thresholds", label: "thresholds", icon: BellRing, needs: ["supervise"] },
  { to: "/wallboards", label: "wallboards", icon: MonitorPlay, needs: ["supervise"] },
  { to: "/agents", label: "agents", icon: UserCog, needs: ["config:read"] },
  { to: "/users", label: "users", icon: Users, needs: ["users:read"] },
  { to: "/departments", label: "departments", icon: GitFork, needs: ["users:read"] },
  { to: "/roles", label: "roles", icon: ShieldCheck, needs: ["users:read"] },
  { to: "/prompts", label: "prompts", icon: AudioLines, needs: ["config:read"] },
  { to: "/dispositions", label: "dispositions", icon: ListChecks, needs: ["config:read"] },
  { to: "/categories", label: "categories", icon: Tags, needs: ["config:read"] },
  { to: "/skills", label: "skills", icon: Sparkles, needs: ["config:read"] },
  { to: "/company", label: "company", icon: Building2, needs: ["config:read"] },
  { to: "/api-keys", label: "apiKeys", icon: KeyRound, needs: ["api-keys"] },
  { to: "/webhooks", label: "webhooks", icon: Webhook, needs: ["webhooks"] },
  { to: "/audit", label: "audit", icon: ScrollText, needs: ["audit:read"] },
];

export const seen = (places: Place[], permissions: Permission[]) =>
  places.filter((place) => place.needs.length === 0 || place.needs.some((one) => permissions.includes(one)));
