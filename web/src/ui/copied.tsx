// Text that is meant to be taken elsewhere, with a button that copies it.
import { useRef, useState } from 'preact/hooks';
import { t } from '../i18n';
import { Icon } from './icons';

/** Without TLS a browser keeps the clipboard from pages: then the text is selected, and copied in the old manner. */
async function copy(text: string, from: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    window.getSelection()?.selectAllChildren(from);
    return document.execCommand('copy');
  }
}

export function Copied({ text, label }: { text: string; label: string }) {
  const shown = useRef<HTMLPreElement>(null);
  const [done, tell] = useState<boolean | null>(null);
  return (
    <div class="copied">
      <pre ref={shown}><code>{text}</code></pre>
      <button type="button" class="button small no-print" aria-label={`${t('copy.do')}: ${label}`} onClick={() => copy(text, shown.current!).then(tell)}><Icon name="copy" /> {t('copy.do')}</button>
      <span class="quiet" role="status">{done === null ? '' : t(done ? 'copy.done' : 'copy.selected')}</span>
    </div>
  );
}
