// SPDX-License-Identifier: GPL-2.0-only
// A dashboard of panels of three kinds that ask Prometheus, in the types that Grafana
// publishes: the dashboard's, each kind's options, and the query's.
import type * as d from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as series from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';

type Query = Omit<Dataquery, '_implementsDataqueryVariant' | 'datasource'> & {
	datasource: d.DataSourceRef;
};
type Fields<Custom> = Omit<d.FieldConfigSource, 'defaults'> & {
	defaults: Omit<d.FieldConfig, 'custom'> & { custom?: Custom };
};
type Of<Type, Options, Custom> = Omit<d.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
	type: Type;
	options: Options;
	fieldConfig: Fields<Custom>;
	targets: Query[];
};

export type Dashboard = Omit<d.Dashboard, 'panels'> & {
	panels: (
		| Of<'stat', stat.Options, {}>
		| Of<'table', table.Options, Partial<table.FieldConfig>>
		| Of<'timeseries', series.Options, series.FieldConfig>
	)[];
};
