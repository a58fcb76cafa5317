// What is left of a budget, day by day, beside an even pace, and where the period is expected to end.
import type { Budget } from '../api/schema';
import { t } from '../i18n';
import { absent, money } from '../ui/format';
import { burnOf, type Point } from './burn';

const path = (of: Point[]) => of.map((one) => `${(one.x * 100).toFixed(2)},${(one.y * 100).toFixed(2)}`).join(' ');

export function BurnChart({ of }: { of: Budget }) {
  const burn = burnOf(of);
  const standing = of.standing;
  if (!burn || !standing) return null;
  const at = (share: number) => money(burn.top - (burn.top - burn.bottom) * share, of.currency);
  const days = [standing.period.start, standing.period.end].map((one) => one.slice(5, 10));
  const said = t('budget.burnSaid', { left: money(standing.remaining, of.currency), amount: money(of.amount, of.currency), expected: standing.forecast ? money(standing.forecast.value, of.currency) : absent });
  return (
    <figure class="stacked burn">
      <div class="stacked-plot">
        <ul class="axis num" aria-hidden="true">{[0, 0.5, 1].map((share) => <li key={share}>{at(share)}</li>)}</ul>
        <div>
          <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={said}>
            {[0, 50, 100].map((y) => <line key={y} class="rule" x1="0" x2="100" y1={y} y2={y} />)}
            {burn.zero < 1 && <line class="zero" x1="0" x2="100" y1={burn.zero * 100} y2={burn.zero * 100} />}
            {burn.band && burn.ahead[0] && <polygon class="band" points={path([burn.ahead[0], { x: 1, y: burn.band.high }, { x: 1, y: burn.band.low }])} />}
            <polyline class="even" points={path(burn.even)} />
            <polyline class="left" points={path(burn.left)} />
            <polyline class="ahead" points={path(burn.ahead)} />
          </svg>
          <p class="days num" aria-hidden="true"><span>{days[0]}</span><span>{days[1]}</span></p>
        </div>
      </div>
      <figcaption>
        <ul class="legend">
          <li><i class="swatch b-left" aria-hidden="true" /> {t('budget.left')}</li>
          <li><i class="swatch b-even" aria-hidden="true" /> {t('budget.even')}</li>
          {burn.ahead.length > 0 && <li><i class="swatch b-ahead" aria-hidden="true" /> {t('budget.forecast')}</li>}
        </ul>
      </figcaption>
    </figure>
  );
}
