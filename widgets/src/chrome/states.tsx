/** What a view shows when it has nothing to show: the next line to type, or why it failed. */

import type { ComponentChildren } from 'preact';
import { t } from './words';

export function Empty({ title, children, code }: { title: string; children?: ComponentChildren; code?: string }) {
  return (
    <div class="ts-empty" role="status">
      <strong>{t(title)}</strong>
      {children && <p>{typeof children === 'string' ? t(children) : children}</p>}
      {code && <pre tabIndex={0}>{code}</pre>}
    </div>
  );
}

export function Failure({ title, reason, code }: { title: string; reason: string; code?: string }) {
  return (
    <div class="ts-empty" data-tone="trouble" role="alert">
      <strong>{t(title)}</strong>
      <p>{t(reason)}</p>
      {code && <pre tabIndex={0}>{code}</pre>}
    </div>
  );
}

export const RECORD_CODE = 'with ts.record() as tape:\n    ...            # your training loop';

/** The usual reasons for nothing: no connection, no recording, or nothing of this kind yet. */
export function Nothing({ link, recorded, what, code }: {
  link: { state: string; reason: string }; recorded: boolean; what: string; code?: string;
}) {
  if (link.state === 'dead') return <Failure title="No connection to the kernel" reason={link.reason} />;
  if (link.state === 'connecting') return <Empty title={link.reason || 'Connecting to the kernel'} code={/imported/.test(link.reason) ? 'import tapescope as ts' : undefined} />;
  if (!recorded) return <Empty title="Nothing recorded yet" code={RECORD_CODE}>Record a training loop, and it appears here while it runs.</Empty>;
  return <Empty title={what} code={code} />;
}
