// Draws one dashboard on one page: ?dashboard=fleet&theme=dark&minutes=30&var-agent=…

import { ThemeContext, createTheme, dateTime } from '@grafana/data';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { type View, Panel, load } from './panels';
import { initialise } from './registry';
import { Variables } from './variables';

(window as any).__grafana_public_path__ = '/';
const GAP = 8;
const ROW = 30;
const SCRAPE_INTERVAL = 5;

function Header({ dashboard, view }: { dashboard: any; view: View }) {
  const { theme, range } = view;
  const box = { border: `1px solid ${theme.colors.border.medium}`, borderRadius: 4, padding: '4px 10px', background: theme.colors.background.primary };
  return <div style={{ display: 'flex', gap: 12, alignItems: 'center', padding: '12px 12px 4px', flexWrap: 'wrap' }}>
    <span style={{ fontSize: 18, fontWeight: 500, marginRight: 16 }}>{dashboard.title}</span>
    {view.variables.shown.map(({ label, text }) => (
      <span key={label} style={box}><span style={{ opacity: 0.65 }}>{label} </span>{text}</span>))}
    <span style={{ flex: 1 }} />
    {dashboard.links.map((link: any) => <span key={link.title} style={{ color: theme.colors.text.link }}>{link.title}</span>)}
    <span style={box}>{range.from.format('HH:mm')} to {range.to.format('HH:mm')} UTC</span>
  </div>;
}

async function main() {
  const asked = new URLSearchParams(location.search);
  initialise();
  const theme = createTheme({ colors: { mode: asked.get('theme') === 'light' ? 'light' : 'dark' } });
  const seconds = Number(asked.get('minutes') ?? 30) * 60;
  // As Grafana rounds it, near enough: a step of whole scrapes, about 300 of them.
  const step = Math.max(SCRAPE_INTERVAL, Math.ceil(seconds / 300 / SCRAPE_INTERVAL) * SCRAPE_INTERVAL);
  const to = Math.floor(Date.now() / 1000 / step) * step;
  const range = { from: dateTime((to - seconds) * 1000).utc(), to: dateTime(to * 1000).utc(), raw: { from: `now-${seconds}s`, to: 'now' } };
  const variables = new Variables(`${seconds}s`, `${Math.max(4 * SCRAPE_INTERVAL, step + SCRAPE_INTERVAL)}s`, `${step}s`);
  const dashboard = await (await fetch(`/dashboards/${asked.get('dashboard')}.json`)).json();
  await variables.resolve(dashboard.templating.list, asked);
  const view: View = { theme, range, step, variables };
  const panels = await Promise.all(dashboard.panels.map(
    async (panel: any) => ({ panel, frames: panel.type === 'row' ? [] : await load(panel, view) })));

  const width = window.innerWidth - 2 * 12;
  const unit = (width + GAP) / 24;
  const bottom = Math.max(...dashboard.panels.map((panel: any) => panel.gridPos.y + panel.gridPos.h));
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <style>{`body { background: ${theme.colors.background.canvas}; color: ${theme.colors.text.primary}; overflow: hidden; height: auto; margin: 0; }
        html, #root { height: auto; } *, *::before, *::after { animation: none !important; transition: none !important; }`}</style>
      <Header dashboard={dashboard} view={view} />
      <div style={{ position: 'relative', margin: '8px 12px 12px', height: bottom * (ROW + GAP) }}>
        {panels.map(({ panel, frames }: any) => {
          const { x, y, w, h } = panel.gridPos;
          const size = { width: w * unit - GAP, height: h * (ROW + GAP) - GAP };
          return <div key={panel.id} style={{ position: 'absolute', left: x * unit, top: y * (ROW + GAP), ...size }}>
            {panel.type === 'row'
              ? <div style={{ fontSize: 16, fontWeight: 500, paddingTop: 4 }}>⌄ {panel.title}</div>
              : <Panel panel={panel} frames={frames} view={view} {...size} />}
          </div>;
        })}
      </div>
    </ThemeContext.Provider>);
  // Two frames later everything asked for has been painted.
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { document.title = 'drawn'; }, 500)));
}

main().catch((error) => {
  document.title = 'failed';
  document.body.textContent = String(error?.stack ?? error);
});
