/** What colours mean at the moment. */

import { show, t } from '../../chrome';
import type { Theme } from '../../theme';
import type { Flow, Measure } from './look';
import type { Trace } from './trace';

export function Legend({ measure, trace, flow, theme }: { measure: Measure | null; trace: Trace | null; flow: Flow; theme: Theme }) {
  const hue = measure?.kind === 'gradient' ? theme.backward : theme.forward;
  return (
    <div class="ts-graph-legend" role="note" aria-label="Legend">
      {trace && <span><i style={{ background: theme.series[2] }} />▲ made of <i style={{ background: theme.series[3], marginLeft: '8px' }} />▼ influences</span>}
      {measure?.kind === 'nonfinite' && <span>{measure.found ? <><b style={{ color: theme.trouble }}>✕</b> {measure.found} with nan or inf</> : 'No nan, no inf'}</span>}
      {measure?.kind === 'changes' && <span title={measure.changes?.names.join(', ')}>{!measure.changes ? t('There is no other structure to compare with') : measure.changes.added + measure.changes.gone + (measure.changes.changed?.size ?? 0) === 0 ? t('The same ops as before') : <><i style={{ background: theme.forward }} />{t('{0} new', measure.changes.added)} · {t('{0} gone', measure.changes.gone)}{measure.changes.changed && <> · {t('{0} changed', measure.changes.changed.size)}</>}{measure.changes.names.length > 0 && <em>{measure.changes.names.slice(0, 3).join(', ')}</em>}<em>{measure.changes.against !== undefined ? t('against {0}', measure.changes.against) : measure.step >= 0 ? t('against step {0}', measure.step) : ''}</em></>}</span>}
      {measure && measure.kind !== 'nonfinite' && measure.kind !== 'changes' && (Number.isFinite(measure.low)
        ? <span title={`${measure.what}, ${measure.kind === 'zeros' ? 'linear' : 'logarithmic'}`}>{show(measure.low, 2)}<i data-ramp style={{ background: `linear-gradient(to right, color-mix(in srgb, ${hue} 8%, ${theme.bg}), ${hue})` }} />{show(measure.high, 2)}{measure.unit}<em>{measure.what}, step {measure.step}</em></span>
        : <span>No {measure.what} for this structure yet</span>)}
      {flow === 'grad' && <span><i style={{ background: theme.backward }} />gradients flow up <i style={{ background: theme.line, marginLeft: '8px' }} />no gradient</span>}
    </div>
  );
}
