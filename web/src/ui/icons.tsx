// Few and plain; each is decoration beside a word or a label.
const shapes = {
  overview: 'M3 3h8v8H3zM13 3h8v5h-8zM13 10h8v11h-8zM3 13h8v8H3z',
  inventory: 'M4 4h16v6H4zM4 14h16v6H4zM7 7h.01M7 17h.01',
  pods: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5',
  sessions: 'M4 6h16M4 12h10M4 18h13',
  serving: 'M4 5h16v11H9l-5 4z',
  allocations: 'M4 5h7v14H4zM21 12h-7M17 8l-4 4 4 4',
  cost: 'M5 20V10M10 20V4M15 20v-7M20 20V7',
  forecast: 'M4 18l5-6 4 3 4-6M17 9l3-4M4 4v16h16',
  budgets: 'M4 5l6 6 3-3 7 9M20 12v5h-5M4 20h16',
  alerts: 'M6 17V11a6 6 0 0112 0v6l2 1H4zM10 21h4',
  advice: 'M9 18h6M10 21h4M12 3a6 6 0 00-4 10.5c1 1 1 1.5 1 2.5h6c0-1 0-1.5 1-2.5A6 6 0 0012 3z',
  benchmarks: 'M5 20V14M12 20V8M19 20V4M3 9l5-4 4 2 6-5',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4',
  search: 'M11 4a7 7 0 100 14 7 7 0 000-14zM16 16l5 5',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 4l13 8-13 8z',
  close: 'M5 5l14 14M19 5L5 19',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  download: 'M12 4v11M7 11l5 5 5-5M4 20h16',
  help: 'M9 9a3 3 0 116 0c0 2-3 2-3 5M12 18h.01',
  warn: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  lock: 'M6 11h12v9H6zM8 11V8a4 4 0 018 0v3',
  empty: 'M4 7l2-3h12l2 3v13H4zM4 7h16M9 12h6',
  right: 'M9 5l7 7-7 7',
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect x="4" y="4" width="11" height="24" rx="2" class="a" />
      <rect x="17" y="4" width="11" height="11" rx="2" class="b" />
      <rect x="17" y="17" width="11" height="11" rx="2" class="c" />
    </svg>
  );
}
