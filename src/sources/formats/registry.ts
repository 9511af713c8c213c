/** Every format there is. Order is the order of detection: the first that matches is taken, the table last. */
import type { RecordFormat } from "../record.ts";
import { aliyunSlsFormat } from "./aliyun-sls.ts";
import { braintrustFormat } from "./braintrust.ts";
import { appInsightsFormat } from "./app-insights.ts";
import { athenaFormat } from "./athena.ts";
import { bigqueryFormat } from "./bigquery.ts";
import { clickhouseFormat, clickhouseRowsFormat } from "./clickhouse.ts";
import { datadogFormat, datadogAgentFormat } from "./datadog.ts";
import { elasticSearchFormat, elasticBulkFormat, elasticApmFormat } from "./elastic.ts";
import { googleTraceFormat, googleLoggingFormat } from "./google-cloud.ts";
import { grafanaFramesFormat } from "./grafana-frames.ts";
import { honeycombFormat } from "./honeycomb.ts";
import { jaegerFormat } from "./jaeger.ts";
import { kibanaFormat } from "./kibana.ts";
import { langfuseFormat, langfuseObservationsFormat, langfuseTracesFormat } from "./langfuse.ts";
import { langsmithFormat } from "./langsmith.ts";
import { mlflowFormat } from "./mlflow.ts";
import { mongoexportFormat } from "./mongoexport.ts";
import { otelConsoleFormat } from "./otel-console.ts";
import { otelConsoleTextFormat } from "./otel-console-text.ts";
import { otlpFormat, otlpLogsFormat } from "./otlp.ts";
import { phoenixApiFormat, phoenixFormat } from "./phoenix.ts";
import { promptlayerRequestsFormat, promptlayerTraceFormat } from "./promptlayer.ts";
import { sentryFormat } from "./sentry.ts";
import { snowflakeFormat } from "./snowflake.ts";
import { tempoFormat } from "./tempo.ts";
import { xrayFormat } from "./xray.ts";
import { zipkinFormat } from "./zipkin.ts";
import { csvFormat, tsvFormat } from "./csv.ts";
import { jsonFormat } from "./json.ts";
import { ndjsonFormat } from "./ndjson.ts";
import { parquetFormat } from "./parquet.ts";

export const FORMATS: readonly RecordFormat[] = [
  otelConsoleTextFormat,
  otlpFormat,
  otlpLogsFormat,
  jaegerFormat,
  tempoFormat,
  elasticSearchFormat,
  elasticBulkFormat,
  elasticApmFormat,
  langfuseFormat,
  langfuseTracesFormat,
  langfuseObservationsFormat,
  langsmithFormat,
  phoenixFormat,
  phoenixApiFormat,
  promptlayerTraceFormat,
  promptlayerRequestsFormat,
  datadogFormat,
  datadogAgentFormat,
  xrayFormat,
  googleTraceFormat,
  googleLoggingFormat,
  sentryFormat,
  mlflowFormat,
  appInsightsFormat,
  honeycombFormat,
  braintrustFormat,
  otelConsoleFormat,
  grafanaFramesFormat,
  aliyunSlsFormat,
  parquetFormat,
  zipkinFormat,
  mongoexportFormat,
  clickhouseFormat,
  clickhouseRowsFormat,
  bigqueryFormat,
  athenaFormat,
  snowflakeFormat,
  kibanaFormat,
  ndjsonFormat,
  jsonFormat,
  tsvFormat,
  csvFormat,
];
