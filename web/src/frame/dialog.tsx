import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../i18n';
import { Icon } from '../ui/icons';

/** A dialog above the page; the browser keeps the focus in it and closes it by Escape. */
export function Dialog(props: { title: string; close: () => void; children: ComponentChildren; class?: string; bare?: boolean }) {
  const box = useRef<HTMLDialogElement>(null);
  // Before the next frame: what is typed right after the key that opens it belongs here.
  useLayoutEffect(() => {
    const element = box.current!;
    if (!element.open) element.showModal?.();
    return () => element.close?.();
  }, []);
  return (
    <dialog ref={box} class={props.class} aria-label={props.title} onClose={props.close}
      onClick={(event) => event.target === box.current && props.close()}>
      <div class="dialog-inside">
        {!props.bare && (
          <header>
            <h2>{props.title}</h2>
            <button type="button" class="button icon-only" aria-label={t('frame.close')} onClick={props.close}><Icon name="close" /></button>
          </header>
        )}
        {props.children}
      </div>
    </dialog>
  );
}
