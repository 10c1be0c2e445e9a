"""The example configuration in the real Alertmanager: who is told, and what is muted by what."""

import unittest

import alertmanager
from alertmanager import wait_for


def alert(name, severity, instance="a:10058", **labels):
    return {"labels": {"alertname": name, "severity": severity, "instance": instance, "job": "agents", **labels},
            "annotations": {"summary": name}}


class InhibitionTest(unittest.TestCase):
    def setUp(self):
        self.alertmanager, self.webhook = alertmanager.start(self)

    def states(self):
        """{(alertname, severity, instance, agent): state} as Alertmanager has them."""
        return {(found["labels"]["alertname"], found["labels"]["severity"], found["labels"]["instance"],
                 found["labels"].get("agent", "")): found["status"]["state"] for found in self.alertmanager.alerts()}

    def settled(self, count):
        def known():
            states = self.states()
            return len(states) == count and "unprocessed" not in states.values() and states
        return wait_for(known, f"{count} alerts")

    def test_pages_and_tickets_go_where_they_belong(self):
        self.alertmanager.send(alert("AgentFdLeakFast", "critical", agent="x", resource="fds"),
                  alert("AgentMemoryClimb", "warning", agent="y", resource="memory"))
        expected = {("/page", "AgentFdLeakFast", "critical", "x"), ("/ticket", "AgentMemoryClimb", "warning", "y")}
        wait_for(lambda: self.webhook.told == expected, "the page and the ticket")

    def test_what_mutes_what(self):
        muted = [
            # The page over the ticket of the same agent and resource, whatever its name and scope.
            alert("AgentFdLeakSlow", "warning", agent="x", resource="fds", scope="self"),
            alert("AgentDescendantFdLeak", "warning", agent="x", resource="fds", scope="tree"),
            # Gone: it leaks no more, and the ticket about it adds nothing to the page.
            alert("AgentNearLimit", "critical", agent="gone", resource="fds", scope="self"),
            alert("AgentMemoryClimb", "warning", agent="gone", resource="memory", scope="tree"),
            alert("AgentAbsent", "warning", agent="gone"),
            # A host that is not watched.
            alert("AgentRestartLoop", "warning", instance="down:10058", agent="z"),
            alert("AgentHostMemoryLow", "critical", instance="down:10058"),
            # One page and one ticket of the host itself.
            alert("AgentHostMemoryStall", "warning"),
            alert("AgentRestartLoop", "warning", agent="cycle"),
            alert("AgentNearLimit", "critical", agent="slow", resource="memory", scope="tree"),
        ]
        active = [
            alert("AgentFdLeakFast", "critical", agent="x", resource="fds", scope="self"),
            # Another resource, another agent, the same agent on another host.
            alert("AgentMemoryClimb", "warning", agent="x", resource="memory", scope="tree"),
            alert("AgentFdLeakSlow", "warning", agent="y", resource="fds", scope="self"),
            alert("AgentFdLeakSlow", "warning", instance="b:10058", agent="x", resource="fds", scope="self"),
            alert("AgentRestartLoop", "warning", agent="x"),
            alert("AgentAbsent", "critical", agent="gone"),
            alert("AgentExporterDown", "critical", instance="down:10058"),
            alert("AgentHostMemoryStall", "critical"),
            # Lacks an agent and a resource, as the host's pages do: no reason to be muted by them.
            alert("AgentExporterCollectorStale", "warning", collector="limits"),
            alert("AgentLeakRestartCycle", "warning", agent="cycle"),
            alert("AgentMemoryThrottled", "critical", agent="slow", resource="memory", scope="tree"),
            # Not one of ours.
            alert("OtherAlert", "warning", instance="down:10058"),
        ]
        self.alertmanager.send(*active, *muted)

        def key(sent):
            labels = sent["labels"]
            return labels["alertname"], labels["severity"], labels["instance"], labels.get("agent", "")

        states = self.settled(len(active) + len(muted))
        expected = {**{key(sent): "active" for sent in active}, **{key(sent): "suppressed" for sent in muted}}
        self.assertEqual(states, expected)
        # Told are the active ones and nobody else.
        told = {(key(sent)[0], key(sent)[1], key(sent)[3]) for sent in active}
        wait_for(lambda: {one[1:] for one in self.webhook.told} >= told, "all active alerts")
        self.assertEqual({one[1:] for one in self.webhook.told} - told, set())


if __name__ == "__main__":
    unittest.main()
