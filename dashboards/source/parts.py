"""Building blocks of the dashboards: what all panels share is said here once.

A dashboard module says what a panel asks and how it reads; ids, places, data source and Grafana's own form are filled in.
The form is Grafana's classic dashboard JSON, schemaVersion 42.
"""

TAG = "agent_exporter"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
PER_SECOND = "suffix: /s"
# Where the colour changes, and with it what a person should do: nothing, look today, look now.
FULL = ((None, "green"), (0.7, "orange"), (0.9, "red"))
TIME_LEFT = ((None, "red"), (3600, "orange"), (86400, "green"))
SOME_IS_BAD = ((None, "green"), (1, "red"))
SOME_IS_ODD = ((None, "green"), (1, "orange"))
NEUTRAL = ((None, "blue"),)
# Panels show +Inf where nothing grows; ten years stand for "no end in sight" in a legible way.
NEVER = {"type": "range", "options": {"from": 315360000, "to": None,
                                      "result": {"text": "none in sight", "color": "green", "index": 0}}}


def values(**texts):
    """A value mapping: values(_0=("Down", "red"), bpf=("BPF", "green"))."""
    return {"type": "value", "options": {value.lstrip("_"): {"text": text, "color": color, "index": index}
                                         for index, (value, (text, color)) in enumerate(texts.items())}}


def by_refid(expressions, **common):
    return [{"datasource": DATASOURCE, "editorMode": "code", "refId": chr(ord("A") + index), **common, **target}
            for index, target in enumerate(expressions)]


def override(matcher, option, **properties):
    """Properties by their id; a double underscore stands for a dot."""
    return {"matcher": {"id": matcher, "options": option},
            "properties": [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]}


def thresholds(steps):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def link(title, url):
    return {"title": title, "url": url, "targetBlank": False}


def to_dashboard(uid, **variables):
    """The address of a dashboard with these variables, in the same source, job and time range."""
    given = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return f"/d/{uid}?${{datasource:queryparam}}&${{job:queryparam}}{given}&${{__url_time_range}}"


def field_config(unit, steps, mappings=(), decimals=None, low=None, high=None, no_value=None, overrides=(), custom=None,
                 color=None, links=()):
    defaults = {"unit": unit, "color": color or {"mode": "thresholds"}, "mappings": list(mappings),
                "thresholds": thresholds(steps), "custom": custom or {}, "links": list(links)}
    for name, value in (("decimals", decimals), ("min", low), ("max", high), ("noValue", no_value)):
        if value is not None:
            defaults[name] = value
    return {"defaults": defaults, "overrides": list(overrides)}


def stat(title, description, expression, unit="none", steps=NEUTRAL, sparkline=True, legend=None, mappings=(),
         nothing="no data", **fields):
    """One figure as of now, with its course below it. `nothing` stands, uncoloured, where there is none."""
    absent = {"type": "special", "options": {"match": "null", "result": {"text": nothing, "color": "text", "index": 9}}}
    return {
        "type": "stat", "title": title, "description": description,
        "targets": by_refid([{"expr": expression, "legendFormat": legend or title, "instant": not sparkline,
                              "range": sparkline}]),
        "fieldConfig": field_config(unit, steps, mappings=[*mappings, absent], **fields),
        "options": {"colorMode": "value", "graphMode": "area" if sparkline else "none",
                    "justifyMode": "auto", "orientation": "auto", "percentChangeColorMode": "standard",
                    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                    "showPercentChange": False, "textMode": "auto", "wideLayout": True}}


def graph(title, description, targets, unit="none", stack=False, low=0, steps=None, legend_table=False, bars=False,
          soft_max=None, overrides=(), **fields):
    """Curves over time. targets: (expression, legend). With steps, dashed lines where the colour changes; with soft_max,
    an axis that goes up to there even where all is quiet."""
    custom = {"axisBorderShow": False, "axisCenteredZero": False, "axisColorMode": "text", "axisLabel": "",
              "axisPlacement": "auto", "barAlignment": 0, "drawStyle": "bars" if bars else "line",
              "fillOpacity": 80 if bars else 25 if stack else 8, "gradientMode": "none",
              "hideFrom": {"legend": False, "tooltip": False, "viz": False}, "insertNulls": False,
              "lineInterpolation": "linear", "lineWidth": 0 if bars else 1 if stack else 2, "pointSize": 4,
              "scaleDistribution": {"type": "linear"}, "showPoints": "never", "spanNulls": False,
              "stacking": {"group": "A", "mode": "normal" if stack else "none"},
              "thresholdsStyle": {"mode": "dashed" if steps else "off"}}
    if soft_max is not None:
        custom["axisSoftMax"] = soft_max
    calcs = ["lastNotNull", "max"] if legend_table else []
    return {
        "type": "timeseries", "title": title, "description": description,
        "targets": by_refid([{"expr": expression, "legendFormat": legend, "range": True, "instant": False}
                             for expression, legend in targets]),
        "fieldConfig": field_config(unit, steps or ((None, "green"),), low=low, custom=custom,
                                    color={"mode": "palette-classic"}, overrides=overrides, **fields),
        "options": {"legend": {"calcs": calcs, "displayMode": "table" if legend_table else "list",
                               "placement": "right" if legend_table else "bottom", "showLegend": True,
                               **({"sortBy": "Last *", "sortDesc": True} if legend_table else {})},
                    "tooltip": {"hideZeros": False, "mode": "multi", "sort": "desc"}}}


def column(field, header, unit=None, width=None, steps=None, cell=None, mappings=(), url=None, decimals=None,
           low=None, high=None, align=None):
    """A column of a table: a label, or "A" for the value of query A. cell: gauge, color-text or color-background."""
    if unit is None and len(field) > 1:
        unit = "string"  # else a label that reads as a number, such as a revision 7824e13, is shown as one
    return {"field": field, "header": header, "unit": unit, "width": width, "steps": steps, "cell": cell,
            "mappings": mappings, "url": url, "decimals": decimals, "low": low, "high": high, "align": align}


def column_override(spec):
    # Else a cell without a value would say what the whole table says when it has no rows.
    properties = {"noValue": "–"}
    if spec["unit"]:
        properties["unit"] = spec["unit"]
    for key, name in (("decimals", "decimals"), ("low", "min"), ("high", "max"), ("width", "custom__width"),
                      ("align", "custom__align")):
        if spec[key] is not None:
            properties[name] = spec[key]
    if spec["steps"]:
        properties["thresholds"] = thresholds(spec["steps"])
        properties["color"] = {"mode": "thresholds"}
    # Not in the colour of the lowest threshold, which may be red.
    absent = {"type": "special", "options": {"match": "null", "result": {"text": "–", "color": "text", "index": 9}}}
    if spec["mappings"] or spec["steps"]:
        properties["mappings"] = [*spec["mappings"], *([absent] if spec["steps"] else [])]
    if spec["cell"]:
        options = {"type": spec["cell"]}
        if spec["cell"] == "gauge":
            options.update(mode="basic", valueDisplayMode="text")
        properties["custom__cellOptions"] = options
    if spec["url"]:
        properties["links"] = [link(f"Open {spec['header'].lower()}", spec["url"])]
    return override("byName", spec["header"], **properties)


def table(title, description, expressions, columns, sort, descending=True, nothing="Nothing to show"):
    """Rows as of now; rows of several queries whose labels agree become one row."""
    rename, order, hidden = {}, {}, {"Time": True}
    for index, spec in enumerate(columns):
        # A table of one query calls its value "Value"; also where the others have no rows.
        names = [spec["field"]]
        if len(spec["field"]) == 1:
            names = [f"Value #{spec['field']}"] + (["Value"] if spec["field"] == "A" else [])
        for name in names:
            if spec["header"] is None:
                hidden[name] = True
            else:
                rename[name], order[name] = spec["header"], index
    return {
        "type": "table", "title": title, "description": description,
        "targets": by_refid([{"expr": expression, "legendFormat": "", "instant": True, "range": False,
                              "format": "table"} for expression in expressions]),
        "transformations": [{"id": "merge", "options": {}},
                            {"id": "organize", "options": {"excludeByName": hidden, "indexByName": order,
                                                           "renameByName": rename}}],
        "fieldConfig": field_config("none", NEUTRAL, no_value=nothing,
                                    custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
                                    overrides=[column_override(one) for one in columns if one["header"]]),
        "options": {"cellHeight": "sm", "frameIndex": 0, "showHeader": True,
                    "sortBy": [{"displayName": sort, "desc": descending}]}}


def query_variable(name, label, query, many=True, every=".+", description=""):
    """A choice among a label's values; with many, several or all of them."""
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return {"name": name, "label": label, "type": "query", "datasource": DATASOURCE, "description": description,
            "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
            "refresh": 2, "regex": "", "sort": 1, "hide": 0, "multi": many, "includeAll": many, "options": [],
            **({"current": everything, "allValue": every} if many else {})}


def datasource_variable():
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1,
            "regex": "", "hide": 0, "multi": False, "includeAll": False, "options": []}


JOB = query_variable("job", "Job", "label_values(agent_exporter_build_info, job)")
INSTANCES = query_variable("instance", "Host", 'label_values(agent_exporter_build_info{job=~"$job"}, instance)')


def annotation(name, color, expression, title, enable=True):
    return {"name": name, "datasource": DATASOURCE, "enable": enable, "hide": False, "iconColor": color,
            "target": {"refId": "Anno", "expr": expression, "interval": ""},
            "titleFormat": title, "textFormat": "", "tagKeys": "severity", "useValueForTime": "false"}


class Dashboard:
    """Panels, placed from left to right in rows of 24 units as they come."""

    def __init__(self, uid, title, description, variables, links, annotations=(), time_from="now-6h"):
        self.head = {"uid": uid, "title": title, "description": description, "time": {"from": time_from, "to": "now"},
                     "templating": {"list": [datasource_variable(), *variables]},
                     "annotations": {"list": list(annotations)},
                     "links": [{"asDropdown": False, "icon": icon, "includeVars": False, "keepTime": True, "tags": [],
                                "targetBlank": False, "title": text, "tooltip": tooltip, "type": "link", "url": url}
                               for text, tooltip, url, icon in links]}
        self.panels = []
        self.x = self.y = self.height = 0

    def _place(self, panel, width, height):
        if self.x + width > 24:
            self.x, self.y, self.height = 0, self.y + self.height, 0
        panel["id"] = len(self.panels) + 1
        panel["gridPos"] = {"x": self.x, "y": self.y, "w": width, "h": height}
        self.x, self.height = self.x + width, max(self.height, height)
        self.panels.append(panel)

    def row(self, title):
        self.x = 24
        self._place({"type": "row", "title": title, "collapsed": False, "panels": []}, 24, 1)

    def add(self, panel, width, height):
        self._place({"datasource": DATASOURCE, **panel}, width, height)

    def json(self):
        return {**self.head, "panels": self.panels, "tags": [TAG], "schemaVersion": 42, "version": 1, "editable": True,
                "graphTooltip": 1, "refresh": "30s", "timezone": "browser", "fiscalYearStartMonth": 0, "id": None,
                "timepicker": {}, "weekStart": ""}


FLEET, AGENT, HOST, EXPORTER, SESSIONS = (
    f"agent-exporter-{name}" for name in ("fleet", "agent", "host", "exporter", "sessions"))


def links_to(*uids, host=False):
    """The dashboard's links at its top; with host, to the same one."""
    known = {FLEET: ("Fleet", "All agents on all hosts"), AGENT: ("One agent", "Itself, its tree and its limits"),
             HOST: ("Host", "Memory, pressure and what is left to fork"),
             EXPORTER: ("Exporter", "Is what you see here fresh and complete?"),
             SESSIONS: ("Sessions", "Who works, who waits, what is left of the limit")}
    carried = "?${datasource:queryparam}&${job:queryparam}"
    return [(*known[uid], f"/d/{uid}{carried}" + ("&var-instance=${instance}" if host and uid in (AGENT, HOST) else ""),
             "dashboard") for uid in uids] + [
        ("Alerts", "Rules and their state", "/alerting/list?search=Agent", "bell")]
