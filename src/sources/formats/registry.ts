/** Every format there is. Order is the order of detection: the first that matches is taken, the table last. */
import type { RecordFormat } from "../record.ts";
import { aliyunSlsFormat } from "./aliyun-sls.ts";
import { braintrustFormat } from "./braintrust.ts";
import { datadogFormat, datadogAgentFormat } from "./datadog.ts";
import { elasticSearchFormat, elasticBulkFormat, elasticApmFormat } from "./elastic.ts";
import { googleTraceFormat, googleLoggingFormat } from "./google-cloud.ts";
import { grafanaFramesFormat } from "./grafana-frames.ts";
import { honeycombFormat } from "./honeycomb.ts";
import { jaegerFormat } from "./jaeger.ts";
import { langfuseFormat } from "./langfuse.ts";
import { langsmithFormat } from "./langsmith.ts";
import { mlflowFormat } from "./mlflow.ts";
import { mongoexportFormat } from "./mongoexport.ts";
import { otelConsoleFormat } from "./otel-console.ts";
import { otelConsoleTextFormat } from "./otel-console-text.ts";
import { otlpFormat, otlpLogsFormat } from "./otlp.ts";
import { sentryFormat } from "./sentry.ts";
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
  langsmithFormat,
  datadogFormat,
  datadogAgentFormat,
  xrayFormat,
  googleTraceFormat,
  googleLoggingFormat,
  sentryFormat,
  mlflowFormat,
  honeycombFormat,
  braintrustFormat,
  otelConsoleFormat,
  grafanaFramesFormat,
  aliyunSlsFormat,
  parquetFormat,
  zipkinFormat,
  mongoexportFormat,
  ndjsonFormat,
  jsonFormat,
  tsvFormat,
  csvFormat,
];
