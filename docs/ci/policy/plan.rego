# Rules for the plan document (docs/plan.schema.json), in Rego v1:
#   reconciler plan --format json=plan.json && conftest test --policy docs/ci/policy plan.json
package main

import rego.v1

forbidden_packages := {"netcat-openbsd", "tcpdump"}

deny contains message if {
	not input.complete
	message := "the plan is not complete: something could not be read or has errors"
}

deny contains message if {
	input.guard.refused
	message := sprintf("%d repositories would lose content", [input.guard.losing.count])
}

deny contains message if {
	some step in input.steps
	step.kind == "repository"
	step.action == "reset"
	message := sprintf("%s would be reset; ask the platform team", [step.name])
}

deny contains message if {
	some step in input.steps
	step.kind == "repository"
	some change in step.changes
	change.path == "contents.packages"
	change.kind == "add"
	change.key in forbidden_packages
	message := sprintf("%s: package %s is not allowed", [step.name, change.key])
}

warn contains message if {
	some step in input.steps
	step.kind == "repository"
	step.will_build == "would_break"
	message := sprintf("the builds of %s would break", [step.name])
}
