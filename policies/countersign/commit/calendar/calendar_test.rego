package countersign.commit.calendar_test

import data.countersign.commit.calendar
import data.countersign.samples_test as samples

tenants := samples.tenants_with({"calendar": {"activate_plan": {
	"timezone": "Europe/Berlin",
	"weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday"],
	"windows": [{"from": "08:00", "to": "12:00"}, {"from": "13:00", "to": "20:00"}],
	"closed_on": ["2026-12-25", "2026-11-14"],
	"open_on": ["2026-11-07", "2026-11-14"],
}}})

# November 2026: the 2nd is a Monday, the 7th a Saturday, the 8th a Sunday.
instant(text) := samples.write_with({"time_ms": time.parse_rfc3339_ns(text) / 1000000})

test_inside_the_windows_on_a_weekday_passes if {
	every text in ["2026-11-02T08:00:00+01:00", "2026-11-02T11:59:59+01:00", "2026-11-06T19:59:59+01:00"] {
		calendar.passes with input as instant(text) with data.countersign.tenants as tenants
	}
}

test_outside_the_windows_does_not_pass if {
	every text in ["2026-11-02T07:59:59+01:00", "2026-11-02T12:00:00+01:00", "2026-11-02T20:00:00+01:00"] {
		not calendar.passes with input as instant(text) with data.countersign.tenants as tenants
	}
}

test_the_reason_names_the_local_hour if {
	calendar.reasons == {{"code": "OUTSIDE_BUSINESS_HOURS", "detail": "06:05 Europe/Berlin"}} with input as instant("2026-11-02T05:05:00Z")
		with data.countersign.tenants as tenants
}

test_windows_follow_summer_time if {
	calendar.passes with input as instant("2026-07-01T06:00:00Z") with data.countersign.tenants as tenants
	not calendar.passes with input as instant("2026-11-02T06:00:00Z") with data.countersign.tenants as tenants
}

test_a_sunday_does_not_pass if {
	not calendar.passes with input as instant("2026-11-08T10:00:00+01:00") with data.countersign.tenants as tenants
	calendar.reasons == {{"code": "CLOSED_DAY", "detail": "2026-11-08"}} with input as instant("2026-11-08T10:00:00+01:00")
		with data.countersign.tenants as tenants
}

test_a_holiday_does_not_pass if {
	not calendar.passes with input as instant("2026-12-25T10:00:00+01:00") with data.countersign.tenants as tenants
}

test_a_saturday_opened_by_exception_passes if {
	calendar.passes with input as instant("2026-11-07T10:00:00+01:00") with data.countersign.tenants as tenants
}

test_an_opened_day_still_has_hours if {
	not calendar.passes with input as instant("2026-11-07T21:00:00+01:00") with data.countersign.tenants as tenants
}

test_a_day_both_opened_and_closed_is_closed if {
	not calendar.passes with input as instant("2026-11-14T10:00:00+01:00") with data.countersign.tenants as tenants
}

test_the_day_is_the_tenants_not_utcs if {
	not calendar.passes with input as instant("2026-12-24T23:30:00Z") with data.countersign.tenants as tenants
	calendar.reasons[{"code": "CLOSED_DAY", "detail": "2026-12-25"}] with input as instant("2026-12-24T23:30:00Z")
		with data.countersign.tenants as tenants
}

test_an_action_without_a_calendar_is_always_open if {
	calendar.passes with input as instant("2026-11-08T03:00:00Z") with data.countersign.tenants as samples.tenants
	other := object.union(instant("2026-11-08T03:00:00Z"), {"action": "send_receipt"})
	calendar.passes with input as other with data.countersign.tenants as tenants
}

test_a_calendar_without_windows_is_never_open if {
	broken := samples.tenants_with({"calendar": {"activate_plan": {"timezone": "UTC", "weekdays": ["monday"]}}})
	not calendar.passes with input as instant("2026-11-02T10:00:00Z") with data.countersign.tenants as broken
}

test_a_calendar_that_is_no_calendar_is_never_open if {
	broken := samples.tenants_with({"calendar": {"activate_plan": false}})
	not calendar.passes with input as instant("2026-11-02T10:00:00Z") with data.countersign.tenants as broken
}

test_an_unknown_tenant_has_no_open_hours if {
	not calendar.passes with input as instant("2026-11-02T10:00:00Z") with data.countersign.tenants as {}
}
