import { ILabShell, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry, Notification, ToolbarButton, WidgetTracker } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import { tapescopeIcon } from './icon';
import { Links } from './link';
import type { LineMark } from './mark';
import type { TapescopePanel } from './panel';
import { Preferences } from './preferences';
import type { Source } from './source';
import { StatusItem } from './statusitem';
import { tabs } from './views';
import { Vigil } from './vigil';
import { speak, t } from './words';

const OPEN = 'tapescope:open';
const RECORD = 'tapescope:record';

/** Commands, one panel, one link a notebook. All but the notebooks themselves is optional: Notebook 7 has less than JupyterLab. */
const plugin: JupyterFrontEndPlugin<void> = {
  id: '@tapescope/labextension:plugin',
  description: 'The Tapescope panel: what the model of the active notebook does, live.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ILabShell, ICommandPalette, ILauncher, ILayoutRestorer, IToolbarWidgetRegistry, ISettingRegistry, IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    lab: ILabShell | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    toolbars: IToolbarWidgetRegistry | null,
    registry: ISettingRegistry | null,
    bar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    const preferences = new Preferences(registry, plugin.id);
    const links = new Links(windowId());
    const tracker = new WidgetTracker<TapescopePanel>({ namespace: 'tapescope' });
    let panel: TapescopePanel | null = null;

    const item = bar && new StatusItem(() => void open());
    if (bar && item) {
      bar.registerStatusItem('tapescope', { item, align: 'right', rank: 40, isActive: () => preferences.statusBar && item.active, activeStateChanged: item.activeChanged as any });
      preferences.changed.connect(() => item.activeChanged.emit());
    }
    void speak(translator?.languageCode, () => panel?.retell());
    preferences.changed.connect(() => panel?.dress(preferences.theme));

    const vigils = new WeakMap<NotebookPanel, Vigil>();
    const spoken = liveRegion();
    const vigilOf = (notebook: NotebookPanel): Vigil => {
      let vigil = vigils.get(notebook);
      if (!vigil) {
        vigils.set(notebook, (vigil = new Vigil(notebook, links.of(notebook.sessionContext), lineMark(notebook, app.shell))));
        let toast = '';
        vigil.paused.connect((_, pause) => {
          spoken.textContent = pause ? t('Cell paused: {0}', pause.words) : t('The cell goes on.');
          if (toast) {
            Notification.dismiss(toast);
            toast = '';
          }
          if (pause && !panel?.isVisible) {
            toast = Notification.warning(t('Paused: {0}', pause.words), {
              autoClose: false,
              actions: [{ label: t('Show'), callback: () => void open('backward') }]
            });
          }
        });
      }
      return vigil;
    };

    const follow = () => {
      const notebook = notebooks.currentWidget;
      panel?.follow(notebook, notebook ? links.of(notebook.sessionContext) : null, notebook ? vigilOf(notebook) : null);
      app.commands.notifyCommandChanged(RECORD);
      item?.follow(notebook ? links.of(notebook.sessionContext) : null);
    };
    notebooks.widgetAdded.connect((_, notebook) => {
      vigilOf(notebook);
      links.of(notebook.sessionContext).changed.connect(() => app.commands.notifyCommandChanged(RECORD));
    });
    notebooks.currentChanged.connect(follow);

    const open = async (tab?: string) => {
      const { TapescopePanel } = await import('./panel');
      if (!panel || panel.isDisposed) {
        panel = new TapescopePanel((source, notebook) => void import('./source').then(m => m.openSource(source, notebook, app.commands)), preferences);
        void tracker.add(panel);
      }
      if (!panel.isAttached) {
        const beside = notebooks.currentWidget;
        if (lab) {
          lab.add(panel, 'main', beside?.isVisible ? { mode: 'split-right', ref: beside.id } : {});
        } else {
          app.shell.add(panel, 'right');               // Notebook 7 shows one document, and panels at its side
        }
      }
      if (!lab) {
        (app.shell as unknown as { expandRight?: () => void }).expandRight?.();
      }
      app.shell.activateById(panel.id);
      if (tab) {
        panel.show_(tab);
      }
      follow();
      return panel;
    };

    app.commands.addCommand(OPEN, {
      label: args => (args['isPalette'] ? t('Open the Tapescope Panel') : palette && args['tab'] ? t('Show the {0} View', t(tabs.find(tab => tab.id === args['tab'])?.label ?? '')) : 'Tapescope'),
      caption: () => t('See what the model of this notebook does: graph, gradients, histograms, metrics'),
      icon: tapescopeIcon,
      describedBy: {
        args: { type: 'object', properties: { tab: { type: 'string', enum: tabs.map(t => t.id), description: 'The view to show' } } }
      },
      execute: args => open(typeof args['tab'] === 'string' ? args['tab'] : undefined)
    });

    const current = () => (notebooks.currentWidget ? links.of(notebooks.currentWidget.sessionContext) : null);
    app.commands.addCommand(RECORD, {
      label: () => (current()?.recordings.some(r => r.state === 'recording') ? t('Stop Recording') : t('Start Recording')),
      caption: () => t('Record what the active notebook computes, as ts.record() does'),
      isEnabled: () => current()?.state === 'live',
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => current()?.toggleRecording(preferences.level)
    });

    toolbars?.addFactory<NotebookPanel>('Notebook', 'tapescope', notebook => toolbarButton(vigilOf(notebook), tab => open(tab)));
    for (const command of [OPEN, RECORD]) {
      palette?.addItem({ command, category: 'Tapescope', args: { isPalette: true } });
    }
    for (const tab of tabs) {
      palette?.addItem({ command: OPEN, category: 'Tapescope', args: { tab: tab.id } });
    }
    launcher?.add({ command: OPEN, category: 'Other', rank: 1 });
    if (restorer) {
      void restorer.restore(tracker, { command: OPEN, name: () => 'panel' });
    }
  }
};

/** Opens the panel; while a cell of its notebook is paused it says so, and leads there. */
function toolbarButton(vigil: Vigil, open: (tab?: string) => void): ToolbarButton {
  const props = (paused: string | null) => ({
    icon: tapescopeIcon,
    label: paused ? t('Paused') : 'Tapescope',
    tooltip: paused ?? t('See what the model of this notebook does: graph, gradients, histograms, metrics'),
    className: paused ? 'ts-toolbar-paused' : '',
    onClick: () => open(vigil.pause ? 'backward' : undefined)
  });
  const button = new ToolbarButton(props(null));
  const tell = () => {
    button.toggleClass('ts-toolbar-paused', vigil.pause !== null);
    (button as any).props = props(vigil.pause ? t('Paused: {0}', vigil.pause.words) : null);
    button.update();
  };
  vigil.paused.connect(tell);
  button.disposed.connect(() => vigil.paused.disconnect(tell));
  return button;
}

/** Marks the line at which a pass is held; the code for it is loaded when there is one. */
function lineMark(notebook: NotebookPanel, shell: JupyterFrontEnd.IShell): (source: Source | null) => void {
  let mark: LineMark | null = null;
  let asked = false;
  return source => {
    asked ||= source !== null;
    if (asked) {
      void import('./mark').then(({ LineMark }) => (mark ??= new LineMark(notebook, shell)).show(source));
    }
  };
}

/** What is spoken, whatever has the focus. */
function liveRegion(): HTMLElement {
  const el = document.createElement('div');
  el.className = 'ts-spoken';
  el.setAttribute('role', 'status');
  el.setAttribute('aria-live', 'polite');
  document.body.append(el);
  return el;
}

/** Lives as long as the browser tab: taken on load and put back on leaving, so that a duplicated tab gets its own. */
function windowId(): string {
  const key = 'tapescope.window';
  const id = sessionStorage.getItem(key) ?? crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  sessionStorage.removeItem(key);
  window.addEventListener('pagehide', () => sessionStorage.setItem(key, id));
  return id;
}

export default plugin;
