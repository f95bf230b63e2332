import { Link } from "@tanstack/react-router";

export function Logo() {
  return (
    <Link to="/" className="flex items-center gap-2 rounded-md font-semibold tracking-tight no-underline">
      <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
        <rect width="32" height="32" rx="8" className="fill-accent" />
        <path d="M8 10h16M16 10v13" className="stroke-accent-ink" strokeWidth="3.4" strokeLinecap="round" />
        <g className="fill-accent-ink">
          <circle cx="8" cy="10" r="2.6" />
          <circle cx="24" cy="10" r="2.6" />
          <circle cx="16" cy="23" r="2.6" />
        </g>
      </svg>
      Trunkline
    </Link>
  );
}
