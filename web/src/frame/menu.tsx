// A button that opens a small panel under itself; Escape, a click beside it, or the focus going elsewhere closes it.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

export function Menu({ button, title, label, kind = '', children }: { button: ComponentChildren; title?: string; label?: string; kind?: string; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="menu" onToggle={(event) => setOpen(event.currentTarget.open)} onKeyDown={(event) => event.key === 'Escape' && closeMenu(event.currentTarget)}
      onFocusOut={(event) => {
        const next = event.relatedTarget as Node | null;
        if (next && !event.currentTarget.contains(next)) closeMenu(event.currentTarget);
      }}>
      <summary class={`button ${kind}`} title={title} aria-label={label}>{button}</summary>
      {open && <div class="menu-inside">{children}</div>}
    </details>
  );
}

/** The one that `inside` is in. */
export function closeMenu(inside: Element): void {
  inside.closest('details.menu')?.removeAttribute('open');
}

/** All in which `event` did not happen. */
export function closeOtherMenus(event: Event): void {
  for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(event.target as Node)) menu.removeAttribute('open');
}
