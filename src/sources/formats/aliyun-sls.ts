/** Alibaba Cloud's Log Service: each row is a list of keys and values. */
import { isNoParent, jsonExportFormat, objectsIn } from "../json/export-format.ts";

export const aliyunSlsFormat = jsonExportFormat({
  name: "aliyun-sls",
  title: "Alibaba Cloud SLS",
  matches: (shape) => shape.has("[][].Key") && shape.has("[][].Value"),
  paths: ["[]"],
  spans: (record) => {
    if (!Array.isArray(record)) return undefined;
    const values = new Map(objectsIn(record).map(({ Key, Value }) => [String(Key).toLowerCase(), Value]));
    const parent = values.get("parentspanid");
    return [{ traceId: values.get("traceid"), spanId: values.get("spanid"), isRoot: isNoParent(parent) }];
  },
});
